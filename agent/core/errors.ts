/** The JSON form of an error, as printed with `--json` and in the status. Codes are listed in docs/errors.md. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  /** Where in the configuration or document, e.g. `network.vlans.management`. */
  readonly path?: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
  readonly expected?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** An error that a person or the controller can act on. Anything else that is thrown is a bug in the agent. */
export class AgentError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options?: { cause?: unknown }) {
    super(problem.message, options);
    this.name = "AgentError";
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }
}

/** Any thrown value as a Problem; what is not an AgentError is a bug and gets E_INTERNAL. */
export function problemOf(error: unknown): Problem {
  if (error instanceof AgentError) return error.problem;
  const message = error instanceof Error ? error.message : String(error);
  return { code: "E_INTERNAL", message, hint: "This is a bug in devcloud-agent: please report it with the log." };
}
