/** One assignment of an oslo.config file. */
export interface Assignment {
  readonly file: string;
  /** 1-based, of its first line. */
  readonly line: number;
  readonly section: string;
  readonly key: string;
  /** Its continuation lines, if any, follow the first one. */
  readonly lines: readonly string[];
}

/** A line that oslo.config refuses: the program whose file it is does not start. */
export interface BadLine {
  readonly file: string;
  readonly line: number;
  readonly why: string;
}

export interface IniFile {
  readonly assignments: readonly Assignment[];
  readonly bad: readonly BadLine[];
}

/**
 * Reads a file by the rules of oslo.config's own parser: `#` and `;` begin a comment only at the beginning of a line, a line that
 * begins with white space goes on with the value above, an empty line ends that, quotes around a whole value are taken off.
 */
export function parseIni(file: string, text: string): IniFile {
  const assignments: Assignment[] = [];
  const bad: BadLine[] = [];
  let section: string | undefined;
  let current: { readonly assignment: Omit<Assignment, "lines">; readonly lines: string[] } | undefined;
  const flush = (): void => {
    if (current !== undefined) assignments.push({ ...current.assignment, lines: current.lines });
    current = undefined;
  };
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = at + 1;
    const content = raw.trimEnd();
    const refuse = (why: string): void => void bad.push({ file, line, why });
    if (/^[ \t]/.test(content)) {
      if (current === undefined) refuse("a continuation of nothing: it begins with white space");
      else current.lines.push(content.trimStart());
      continue;
    }
    flush();
    if (content === "" || /^[#;]/.test(content)) continue;
    if (content.startsWith("[")) {
      if (/^\[.+\]$/.test(content)) section = sectionName(content.slice(1, -1));
      else refuse("a section is written [name]");
      continue;
    }
    const [key, value] = split(content);
    if (key === undefined || key === "") refuse("neither a section nor key = value");
    else if (section === undefined) refuse(`${key} stands before the first [section]`);
    else current = { assignment: { file, line, section, key }, lines: [value] };
  }
  flush();
  return { assignments, bad };
}

function sectionName(name: string): string {
  return name.toUpperCase() === "DEFAULT" ? "DEFAULT" : name.toLowerCase();
}

function split(content: string): readonly [key: string | undefined, value: string] {
  const at = content.search(/[:=]/);
  if (at < 0) return [undefined, ""];
  const value = content.slice(at + 1).trim();
  const quoted = /^(["'])(.*)\1$/.exec(value);
  return [content.slice(0, at).trim(), quoted?.[2] ?? value];
}

/** The assignment that counts: the last one, in the order in which the files are given to the program. */
export function lastOf(assignments: readonly Assignment[], section: string, key: string): Assignment | undefined {
  return assignments.findLast((each) => each.section === section && each.key === key);
}

/** Its text as one; undefined where it is not set or empty. */
export function textOf(assignment: Assignment | undefined): string | undefined {
  const text = assignment?.lines.join("\n").trim();
  return text === "" ? undefined : text;
}

/** A list in oslo.config's form: parted by commas, which may be followed by a new line. */
export function listOf(assignment: Assignment | undefined): readonly string[] {
  return (textOf(assignment) ?? "")
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
