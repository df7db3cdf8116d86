import type { Document } from "../parse.ts";
import type { Finding } from "./finding.ts";
import { withoutPasswords } from "./passwords.ts";

/** What templates leave behind when nobody filled them. */
export const PLACEHOLDER =
  /\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|@@?[A-Z][A-Z0-9_]+@@?|<(CHANGE|REPLACE|FILL|TODO)[^>]*>|__[A-Z][A-Z0-9_]+__|\bCHANGEME\b/;
/** A shell's own in a script, and never anybody's in kickstart's lines. */
const OUTSIDE = /\$\{[^}]*\}|\$[A-Za-z_]\w*|\$\(/;

export function placeholderFindings(text: string, { sections }: Document): Finding[] {
  const inside = new Set(
    sections.flatMap(({ line, body }) => body.split("\n").map((_text, index) => line + 1 + index)),
  );
  return text.split("\n").flatMap((content, index) => {
    const line = index + 1;
    const command = !inside.has(line) && !/^\s*#/.test(content);
    // A hash has dollars of its own, and a password is shown by no message.
    const shown = command ? withoutPasswords(content) : content;
    const found = PLACEHOLDER.exec(shown) ?? (command ? OUTSIDE.exec(shown) : null);
    if (found === null) return [];
    return [
      {
        code: "E_KICKSTART_PLACEHOLDER",
        message: `${found[0]} was not filled in`,
        line,
        column: found.index + 1,
        hint: "Put the value there: kickstart itself fills nothing in.",
      },
    ];
  });
}
