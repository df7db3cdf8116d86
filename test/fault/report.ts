/** Where a lane tells what happens: sentences for people, or one JSON object a line for programs. */
export interface Report {
  /** A line for people; nothing with --json. */
  readonly say: (line: string) => void;
  /** What is going on right now: at a terminal one line that is replaced, else nothing. */
  readonly progress: (text: string) => void;
  /** An object for programs; nothing without --json. */
  readonly tell: (kind: string, fields: object) => void;
}

const schema = "devcloud-agent/chaos/v1";

export function openReport(json: boolean): Report {
  if (json) {
    return {
      say: () => undefined,
      progress: () => undefined,
      tell: (kind, fields) => process.stdout.write(`${JSON.stringify({ schema, kind, ...fields })}\n`),
    };
  }
  const { isTTY: terminal } = process.stdout;
  const clear = terminal ? "\r\u001b[K" : "";
  return {
    say: (line) => process.stdout.write(`${clear}${line}\n`),
    progress: (text) => void (terminal && process.stdout.write(`${clear}${text}`)),
    tell: () => undefined,
  };
}
