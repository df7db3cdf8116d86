import { AgentError } from "../core/errors.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** What a tool printed, as an object. Throws E_OS_STATUS for anything else. */
export function parseObject(text: string, tool: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(tool, text.trim() === "" ? "it printed nothing" : "it did not print JSON", error);
  }
  if (!isFields(value)) throw unreadable(tool, "it did not print an object");
  return value;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text that is there and says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function unreadable(tool: string, why: string, cause?: unknown): AgentError {
  return new AgentError(
    {
      code: "E_OS_STATUS",
      message: `the deployments of this host could not be read from ${tool}: ${why}`,
      hint: `Run \`${tool}\` by hand. The last answer that could be read is kept.`,
    },
    { cause },
  );
}
