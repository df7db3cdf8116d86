/** What the agent and a controller tell each other, in plain terms; codec.ts puts it on the wire. Hashes and ids are hex. */

export interface Description {
  readonly identifying: Readonly<Record<string, string>>;
  readonly nonIdentifying: Readonly<Record<string, string>>;
}

/** One node of the tree of what is well and what is not. */
export interface Health {
  readonly healthy: boolean;
  /** One line for people. */
  readonly status: string;
  readonly error?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly children?: Readonly<Record<string, Health>>;
}

export interface RemoteStatus {
  readonly hash: string;
  /** `unset`, with an empty hash: none was offered. */
  readonly status: "unset" | "applied" | "applying" | "failed";
  readonly error?: string;
}

/** One report. What is absent has not changed since the last one. */
export interface Report {
  readonly uid: string;
  readonly sequence: number;
  readonly description?: Description;
  readonly health?: Health;
  /** When the health was looked at, in milliseconds since the epoch. */
  readonly healthAt?: number;
  /** The configuration in force, as YAML, without secrets. */
  readonly effective?: string;
  readonly remote?: RemoteStatus;
  readonly goodbye?: boolean;
}

/** A configuration as a controller offers it. */
export interface Offer {
  readonly hash: string;
  /** Bodies by file name. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export interface ServerError {
  readonly unavailable: boolean;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** What a controller said. An error excludes everything else, and a command excludes everything but the id. */
export interface Answer {
  readonly uid: string;
  readonly error?: ServerError;
  readonly offer?: Offer;
  readonly fullState?: boolean;
  readonly newUid?: string;
}
