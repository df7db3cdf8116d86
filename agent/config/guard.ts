import { Lexer } from "yaml";
import type { Problem } from "../core/errors.ts";

/** A fragment may say a lot, but not so much that reading it delays the boot; a host's configuration has some 600. */
const MAX_TOKENS = 20_000;

/** Maps and lists inside one another; the configuration itself needs six. */
export const MAX_DEPTH = 50;

export interface Opening {
  readonly mark: string;
  readonly line: number;
  readonly column: number;
}

/** What a first look at the text tells. */
export interface Glance {
  /** Why the text must not be given to the parser. */
  readonly refused?: Problem;
  /** The last bracket or quote that is opened and never closed: the parser only notices at the end of the text. */
  readonly unclosed?: Opening;
}

/**
 * Looks at the text before the parser does, in time that grows with the budget and not with the text: a short file can
 * keep a YAML parser busy for seconds (deep nesting, anchors upon anchors, a hundred thousand list items).
 */
export function glance(file: string, text: string, most = MAX_TOKENS): Glance {
  const strange = text.search(UNPRINTABLE);
  if (strange !== -1) return { refused: binary(file, text, strange) };
  const nesting = new Nesting();
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    nesting.take(token);
    if (tokens > most) return { refused: tooMuch(file, nesting.line, `more than ${most} YAML tokens`) };
    if (nesting.depth > MAX_DEPTH) {
      return { refused: tooMuch(file, nesting.line, `nested more than ${MAX_DEPTH} levels deep`) };
    }
  }
  const unclosed = nesting.open.at(-1);
  return unclosed ? { unclosed } : {};
}

/** Follows the tokens of a text and knows what is open. */
class Nesting {
  readonly open: Opening[] = [];
  line = 1;
  #column = 1;
  // `- - - -` and `? ? ?` nest without brackets, one level for each sign on the line.
  #signs = 0;

  get depth(): number {
    return Math.max(this.open.length, this.#signs);
  }

  take(token: string): void {
    if (token === "[" || token === "{" || isOpenQuote(token)) {
      this.open.push({ mark: token.charAt(0), line: this.line, column: this.#column });
    } else if (token === "]" || token === "}") this.open.pop();
    else if (token === "-" || token === "?" || token === ":") this.#signs += this.open.length === 0 ? 1 : 0;
    else if (token.includes("\n")) this.#signs = 0;
    this.line += newlines(token);
    this.#column = columnAfter(token, this.#column);
  }
}

// The lexer marks the beginnings of documents and scalars by one control character each; they take no room in the text.
function columnAfter(token: string, column: number): number {
  if (token === "\u0002" || token === "\u001f") return column;
  const end = token.lastIndexOf("\n");
  return end === -1 ? column + token.length : token.length - end;
}

function isOpenQuote(token: string): boolean {
  const quote = token.charAt(0);
  return (quote === '"' || quote === "'") && (token.length === 1 || !token.endsWith(quote));
}

// YAML 1.2 (section 5.1) allows tab, line ends and printable characters; everything else means "not a text file".
const UNPRINTABLE = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

function binary(file: string, text: string, offset: number): Problem {
  const before = text.slice(0, offset);
  const hex = (text.codePointAt(offset) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return {
    code: "E_CONFIG_ENCODING",
    message: `a character that is not text (U+${hex})`,
    file,
    line: newlines(before) + 1,
    column: offset - before.lastIndexOf("\n"),
    expected: "YAML text in UTF-8",
    hint: "This looks like a binary file, or one saved in another encoding.",
  };
}

function tooMuch(file: string, line: number, what: string): Problem {
  return {
    code: "E_CONFIG_TOO_COMPLEX",
    message: what,
    file,
    line,
    column: 1,
    expected: `fewer parts, and at most ${MAX_DEPTH} levels`,
    hint: "Is this the right file?",
  };
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
