import { type ScalarTag, stringify } from "yaml";
import { PLACEHOLDER } from "./lint/placeholders.ts";

/**
 * YAML for a script of a kickstart: every value on one line, so that no line of it can look like the end of a section. What
 * pykickstart takes for the end of a line, and whoever looks for placeholders for one, is escaped, and is read as it was.
 */
export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: 0, customTags: (tags) => [odd, ...tags] });
}

const odd: ScalarTag = {
  tag: "tag:yaml.org,2002:str",
  default: true,
  identify: (text) => typeof text === "string" && (BREAKING.test(text) || MARKS.test(text)),
  stringify: ({ value }) => escaped(String(value)),
  resolve: (text) => text,
};

/** Controls, and what ends a line to Python and to nobody else. */
const BREAKING = /[\p{Cc}\u2028\u2029\ufeff]/u;
/** A placeholder, or the beginning of one that could end in the next value of the line. */
const MARKS = new RegExp(`${PLACEHOLDER.source}|\\{[{%]|<[%A-Z]`);

/** JSON's texts are YAML's double-quoted ones. */
function escaped(text: string): string {
  const json = JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\ufeff]/g, code);
  return MARKS.test(text) ? json.replaceAll(/\{(?=[{%])|[<@]|_(?=_)|C(?=HANGEME)/g, code) : json;
}

function code(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
