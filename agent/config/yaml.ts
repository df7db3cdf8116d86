import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type Scalar,
} from "yaml";
import type { Problem } from "../core/errors.ts";
import { type Glance, glance, MAX_DEPTH, type Opening } from "./guard.ts";
import { mayHoldSecret } from "./secrets.ts";
import { type At, type Entry, formatPath, type MapNode, type Node, type Path } from "./tree.ts";

/** One fragment, read. `tree` is absent when the text is not YAML or not a map: then `problems` says why. */
export interface Fragment {
  readonly tree?: MapNode;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

// Values that aliases may add to one fragment. An alias stands for all that its anchor holds, so nine lines of nine
// aliases each would become 400 million values.
const MAX_ALIASED = 1_000;

// One slip in YAML makes the parser see many; the first few are the ones that help.
const MAX_SYNTAX_PROBLEMS = 3;

/**
 * Parses one YAML fragment (YAML 1.2, core schema) into a tree with positions. Never throws: whatever is wrong becomes
 * a problem, and what could be read is returned beside it.
 */
export function parseYaml(file: string, text: string, mostTokens?: number): Fragment {
  const first = glance(file, text, mostTokens);
  if (first.refused) return { problems: [first.refused], warnings: [] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false, version: "1.2" });
  const problems = syntaxProblems(file, document, lines, first);
  if (problems.length > 0) return { problems, warnings: [] };
  return new TreeBuilder(file, lines).build(document, text);
}

function syntaxProblems(file: string, document: Document.Parsed, lines: LineCounter, first: Glance): Problem[] {
  // An unknown tag is only a warning to the parser, but `!!binary x` would silently become something else.
  const all = [...document.errors, ...document.warnings];
  // A tab shifts everything after it, so the rest of the complaints would be about the shift.
  const tabs = all.filter(({ code }) => code === "TAB_AS_INDENT");
  const errors = tabs.length > 0 ? tabs : all;
  if (first.unclosed && errors.some(({ code }) => UNCLOSED.has(code))) return [unclosedProblem(file, first.unclosed)];
  const found = errors.map((error): Problem => {
    const { line, col } = lines.linePos(error.pos[0]);
    const hint = HINTS[error.code];
    return {
      code: "E_CONFIG_YAML",
      message: `not valid YAML: ${WORDING[error.code] ?? brief(error.message)}`,
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      ...(hint && { hint }),
    };
  });
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== "1.2") {
    const message = "only YAML 1.2 is read";
    found.push({ code: "E_CONFIG_YAML", message, file, line: 1, column: 1, expected: "%YAML 1.2 or nothing" });
  }
  // What the parser says about the same line again is mostly an echo.
  const told = new Set<number>();
  return found.filter(({ line = 0 }) => !told.has(line) && told.add(line)).slice(0, MAX_SYNTAX_PROBLEMS);
}

/** The parser complains where it gives up; what helps is where it began. All that follows from it is left out. */
function unclosedProblem(file: string, { mark, line, column }: Opening): Problem {
  const what = mark === "[" || mark === "{" ? "bracket" : "quote";
  const closing = mark === "[" ? "]" : mark === "{" ? "}" : mark;
  const message = `not valid YAML: the ${mark} here is never closed`;
  return { code: "E_CONFIG_YAML", message, file, line, column, expected: `a closing ${what} ${closing}` };
}

// What the parser reports when it meets something else than the closing bracket or quote.
const UNCLOSED: ReadonlySet<string> = new Set(["BAD_INDENT", "MISSING_CHAR"]);

const TAG_HINT = "Tags (`!name`) are not used in this configuration.";

const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "Indent with spaces.",
  MULTIPLE_DOCS: "Put what follows the `---` into a file of its own.",
  BLOCK_AS_IMPLICIT_KEY: "Text that holds a colon and a space needs quotes.",
  TAG_RESOLVE_FAILED: TAG_HINT,
};

const WORDING: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "a fragment is one document, here begins a second one",
  RESOURCE_EXHAUSTION: "nested too deeply",
};

/** Without what the parser quotes of the text: a password that begins with ! or | is a tag or a header to it. */
function brief(message: string): string {
  const text = message.charAt(0).toLowerCase() + message.slice(1).replace(/: .*$/s, "");
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}

/** Walks the parsed document once, in the order of the text, which is also the order in which anchors become known. */
class TreeBuilder {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #problems: Problem[] = [];
  readonly #warnings: Problem[] = [];
  readonly #anchors = new Map<string, ParsedNode>();
  #aliasDepth = 0;
  #aliased = 0;
  // Part of the text was left out on purpose: what was read must not be judged, let alone used.
  #cut = false;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  build(document: Document.Parsed, text: string): Fragment {
    const top = { file: this.#file, line: 1, column: 1 };
    const tree = this.#root(document.contents, text, top);
    return { ...(tree && !this.#cut && { tree }), problems: this.#problems, warnings: this.#warnings };
  }

  #root(contents: ParsedNode | null, text: string, top: At): MapNode | undefined {
    if (contents === null || (isScalar(contents) && contents.value === null)) {
      this.#emptyFragment(text, top);
      return { kind: "map", at: top, entries: new Map() };
    }
    if (isMap(contents)) {
      const node = this.#node(contents, top, []);
      return node?.kind === "map" ? { ...node, at: top } : undefined;
    }
    const problem = {
      message: `the file holds ${kindOf(contents)}, not settings`,
      expected: "a map: `key: value` lines",
    };
    this.#report("E_CONFIG_NOT_A_MAP", this.#at(contents, top), [], problem);
    return undefined;
  }

  // Comments alone are somebody's intent; no content at all is more often a write that was cut short.
  #emptyFragment(text: string, top: At): void {
    if (/^\s*#/m.test(text)) return;
    this.#warnings.push({
      code: "E_CONFIG_FRAGMENT_EMPTY",
      message: "the file is empty",
      ...top,
      hint: "Remove it, or leave a comment that says why it is empty.",
    });
  }

  #node(node: ParsedNode | null, near: At, path: Path): Node | undefined {
    if (this.#cut) return undefined;
    // `key:` with nothing behind it.
    if (node === null) return { kind: "scalar", at: near, value: null };
    const at = this.#at(node, near);
    if (this.#aliasDepth > 0) this.#aliased += 1;
    if (this.#aliased > MAX_ALIASED || path.length > MAX_DEPTH) return this.#cutOff(at);
    if (isAlias(node)) return this.#alias(node.source, at, path);
    if (node.tag !== undefined) return this.#tagged(at, path);
    if (node.anchor) this.#anchors.set(node.anchor, node);
    if (isMap<ParsedNode, ParsedNode | null>(node)) return this.#map(node.items, at, path);
    if (isSeq<ParsedNode>(node)) {
      const items = node.items.map((item, index) => this.#node(item, at, [...path, index]));
      return { kind: "list", at, items: items.filter((item) => item !== undefined) };
    }
    return this.#scalar(node, at, path);
  }

  #alias(anchor: string, at: At, path: Path): Node | undefined {
    const target = this.#anchors.get(anchor);
    if (!target) {
      const hint =
        "An anchor (`&name`) has to come before its alias (`*name`). A value that begins with * needs quotes.";
      const alias = mayHoldSecret(path) ? "this alias" : `the alias *${anchor}`;
      this.#report("E_CONFIG_YAML", at, path, { message: `${alias} has no anchor`, hint });
      return undefined;
    }
    this.#aliasDepth += 1;
    const node = this.#node(target, at, path);
    this.#aliasDepth -= 1;
    return node;
  }

  // The library knows a few tags (`!!binary`, `!!set`) and would make bytes and sets of what follows them.
  #tagged(at: At, path: Path): undefined {
    this.#report("E_CONFIG_YAML", at, path, { message: "a value with a tag", hint: TAG_HINT });
  }

  #cutOff(at: At): undefined {
    this.#cut = true;
    if (this.#aliasDepth === 0) {
      this.#report("E_CONFIG_TOO_COMPLEX", at, [], { message: `nested more than ${MAX_DEPTH} levels deep` });
      return;
    }
    const message = `the aliases of this file stand for more than ${MAX_ALIASED} values, or for themselves`;
    this.#report("E_CONFIG_ALIASES", at, [], { message, hint: "Write the values out." });
  }

  #map(pairs: readonly { key: ParsedNode; value: ParsedNode | null }[], at: At, path: Path): MapNode {
    const entries = new Map<string, Entry>();
    for (const pair of pairs) {
      const keyAt = this.#at(pair.key, at);
      const name = this.#key(pair.key, keyAt, path);
      if (name === undefined) continue;
      const here = [...path, name];
      const earlier = entries.get(name);
      if (earlier) {
        this.#report("E_CONFIG_DUPLICATE_KEY", keyAt, here, {
          message: `the key "${name}" is here twice`,
          hint: `It is on line ${earlier.key.line} already.`,
        });
        continue;
      }
      const value = this.#node(pair.value, keyAt, here);
      if (value) entries.set(name, { key: keyAt, value });
    }
    return { kind: "map", at, entries };
  }

  #key(node: ParsedNode | null, at: At, path: Path): string | undefined {
    const name = isScalar(node) && node.value !== null ? (node.source ?? String(node.value)) : undefined;
    if (name === undefined || name === "") {
      this.#report("E_CONFIG_KEY", at, path, {
        message: "this key is not a name",
        expected: "a plain word before the colon",
      });
      return undefined;
    }
    // These names mean something to JavaScript's objects; nothing in the configuration needs them.
    if (name === "__proto__" || name === "constructor" || name === "prototype") {
      this.#report("E_CONFIG_KEY", at, [...path, name], {
        message: `"${name}" cannot be a name here`,
        expected: "another name",
      });
      return undefined;
    }
    return name;
  }

  #scalar(node: Scalar.Parsed, at: At, path: Path): Node | undefined {
    const value = node.value;
    if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return { kind: "scalar", at, value };
    }
    this.#report("E_CONFIG_TYPE", at, path, {
      message: "this kind of value is not used",
      expected: "text, number, true or false",
    });
    return undefined;
  }

  #at(node: ParsedNode | null, near: At): At {
    if (!node?.range) return near;
    const { line, col } = this.#lines.linePos(node.range[0]);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  #report(code: string, at: At, path: Path, more: Pick<Problem, "message" | "expected" | "hint">): void {
    this.#problems.push({ code, ...more, ...at, ...(path.length > 0 && { path: formatPath(path) }) });
  }
}

function kindOf(node: ParsedNode): string {
  if (isSeq(node)) return "a list";
  return isScalar(node) ? "a single value" : "an alias";
}
