/** A kickstart file, taken apart as pykickstart does it. Lines and columns are 1-based. */
export interface Document {
  readonly commands: readonly Command[];
  readonly sections: readonly Section[];
  readonly faults: readonly Fault[];
}

export interface Command {
  readonly name: string;
  readonly line: number;
  /** `--name=value` and `--name`; the last one counts. */
  readonly options: ReadonlyMap<string, Option>;
  readonly rest: readonly string[];
}

export interface Option {
  readonly value: string;
  readonly line: number;
  readonly column: number;
}

export interface Section extends Command {
  readonly body: string;
}

export interface Fault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export function parseKickstart(text: string): Document {
  const commands: Command[] = [];
  const sections: Section[] = [];
  const faults: Fault[] = [];
  let open: { readonly head: Command; readonly body: string[] } | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const trimmed = raw.trim();
    if (open !== undefined) {
      if (trimmed !== "%end") {
        open.body.push(raw);
        continue;
      }
      sections.push({ ...open.head, body: `${open.body.join("\n")}\n` });
      open = undefined;
      continue;
    }
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const words = split(raw);
    if (words === undefined) {
      faults.push({ line, column: 1, message: "a quote is opened here and never closed" });
      continue;
    }
    const command = commandOf(words, line);
    if (command.name === "%end") faults.push({ line, column: 1, message: "%end ends nothing" });
    else if (command.name === "%include" || command.name === "%ksappend") commands.push(command);
    else if (command.name.startsWith("%")) open = { head: command, body: [] };
    else commands.push(command);
  }
  if (open !== undefined) {
    faults.push({ line: open.head.line, column: 1, message: `${open.head.name} has no %end` });
  }
  return { commands, sections, faults: [...faults, ...hiddenBreaks(text)] };
}

function hiddenBreaks(text: string): Fault[] {
  const message = "a character that no editor shows ends the line here: the installer reads two lines";
  return text.split("\n").flatMap((raw, index) => {
    const found = LINE_ENDS.exec(raw);
    return found === null ? [] : [{ line: index + 1, column: found.index + 1, message }];
  });
}

/** What Python's splitlines takes for the end of a line, besides the one that everybody does. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const LINE_ENDS = /[\v\f\u001c-\u001e\u0085\u2028\u2029]|\r(?!$)/;

interface Word {
  readonly text: string;
  readonly column: number;
}

function commandOf([first, ...more]: readonly Word[], line: number): Command {
  const options = new Map<string, Option>();
  const rest: string[] = [];
  for (let index = 0; index < more.length; index += 1) {
    const word = more[index];
    if (word === undefined) continue;
    const [, name, value] = /^--([A-Za-z0-9-]+)(?:=(.*))?$/s.exec(word.text) ?? [];
    if (name === undefined) {
      rest.push(word.text);
      continue;
    }
    // `--device em1` is written as well as `--device=em1`.
    const next = more[index + 1];
    const apart = value === undefined && next !== undefined && !next.text.startsWith("--") && !flags.has(name);
    if (apart) index += 1;
    options.set(name, { value: value ?? (apart ? next.text : ""), line, column: word.column });
  }
  return { name: first?.text ?? "", line, options, rest };
}

/** Options without a value, of the commands that are looked at. */
const flags: ReadonlySet<string> = new Set([
  ..."activate no-activate noipv4 noipv6 nodns nodefroute lock plaintext iscrypted sshkey allow-ssh utc nontp nogpg".split(
    " ",
  ),
  ..."no-signature-verification all linux none initlabel disklabel grow erroronfail nochroot add-boot eject asprimary".split(
    " ",
  ),
]);

/** White space, a comment, or a word with its quotes; "#" within a word is a character like others. */
const PART = /\s+|#.*$|(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+|\\$/y;
const QUOTED = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g;

/** Words as a shell splits them; undefined for a quote that is not closed. */
function split(line: string): readonly Word[] | undefined {
  const words: Word[] = [];
  for (let at = 0; at < line.length; ) {
    PART.lastIndex = at;
    const part = PART.exec(line)?.[0];
    if (part === undefined) return undefined;
    if (!/^(\s|#)/.test(part)) words.push({ text: bare(part), column: at + 1 });
    at += part.length;
  }
  return words;
}

function bare(word: string): string {
  return word.replaceAll(
    QUOTED,
    (_all, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replaceAll(/\\(["\\])/g, "$1") ?? escaped ?? "",
  );
}
