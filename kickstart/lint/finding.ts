import type { Command, Option } from "../parse.ts";

export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  readonly expected?: string;
  readonly hint: string;
}

/** About an option of a command, at its place; about the command itself where the option is missing. */
export function about(
  command: Command,
  option: string,
  finding: Pick<Finding, "code" | "message" | "hint" | "expected">,
): Finding {
  const at: Option | undefined = command.options.get(option);
  return { ...finding, line: at?.line ?? command.line, column: at?.column ?? 1 };
}

export function optionOf(command: Command, option: string): string | undefined {
  return command.options.get(option)?.value;
}
