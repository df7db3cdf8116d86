import type { Problem } from "../core/errors.ts";
import { mayHoldSecret } from "./secrets.ts";
import type { Source } from "./sources.ts";
import type { At, Node, Path } from "./tree.ts";
import { parseYaml } from "./yaml.ts";

interface Written {
  readonly line: number;
  readonly column: number;
  readonly secret: boolean;
}

/** A file whose parts are known, each with its place; absent: it could not be read as a whole. */
type Parts = readonly Written[] | undefined;

/** What comes before the first thing on a line that nothing of the line before reaches into. */
const LEAD = /^[\s\-?:,[\]{}]*$/;
/** Without the parts of a file nobody knows where its secrets are. */
const SECTIONS = /environment|manifest/;
const ACCOUNT = /\/\/[^\s/]*@/;

/** The lines of the sources that problems lie on, as far as everybody may see them. */
export class Excerpts {
  readonly #sources: readonly Source[];
  readonly #parts = new Map<Source, Parts>();

  constructor(sources: readonly Source[] = []) {
    this.#sources = sources;
  }

  /** The line of a problem; undefined where there is none to show, or anything on it may be a secret. */
  lineOf({ file, line, path }: Problem): string | undefined {
    if (path !== undefined && inAnyPart(path.split(/[.[\]"]+/))) return undefined;
    const source = this.#sources.find((one) => one.file === file);
    const text = source && line !== undefined ? textOf(source.text, line) : undefined;
    if (source === undefined || line === undefined || text === undefined || text.trim() === "") return undefined;
    const parts = this.#partsOf(source);
    const open = parts === undefined ? !(SECTIONS.test(source.text) || ACCOUNT.test(text)) : isOpen(parts, line, text);
    return open ? text : undefined;
  }

  #partsOf(source: Source): Parts {
    if (this.#parts.has(source)) return this.#parts.get(source);
    const { tree, problems } = parseYaml(source.file, source.text);
    // What is wrong by itself was left out of the tree.
    const parts = tree === undefined || problems.length > 0 ? undefined : writtenIn(tree).toSorted(inOrder);
    this.#parts.set(source, parts);
    return parts;
  }
}

function isOpen(parts: readonly Written[], line: number, text: string): boolean {
  const here = parts.filter((part) => part.line === line);
  if (here.some(({ secret }) => secret)) return false;
  // A text of several lines ends where something else begins.
  const [first] = here;
  const begins = first !== undefined && LEAD.test(text.slice(0, first.column - 1));
  return begins || parts.findLast((part) => part.line < line)?.secret !== true;
}

function writtenIn(node: Node, path: Path = []): Written[] {
  const own = written(node.at, path);
  if (node.kind === "scalar") return [own];
  const inner =
    node.kind === "list"
      ? node.items.map((item, index) => [item, [...path, index]] as const)
      : [...node.entries].map(([key, { value }]) => [value, [...path, key]] as const);
  const keys = node.kind === "map" ? [...node.entries].map(([key, entry]) => written(entry.key, [...path, key])) : [];
  return [own, ...keys, ...inner.flatMap(([each, where]) => writtenIn(each, where))];
}

function written({ line, column }: At, path: Path): Written {
  return { line, column, secret: inAnyPart(path) };
}

/** Also in a fleet, whose hosts have the configuration below other keys. */
function inAnyPart(path: Path): boolean {
  return path.some((_step, index) => mayHoldSecret(path.slice(index)));
}

function inOrder(a: Written, b: Written): number {
  return a.line - b.line || a.column - b.column;
}

function textOf(text: string, line: number): string | undefined {
  let start = 0;
  for (let count = 1; count < line; count++) {
    const next = text.indexOf("\n", start);
    if (next === -1) return undefined;
    start = next + 1;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end === -1 ? undefined : end).replace(/\r$/, "");
}
