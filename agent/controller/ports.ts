import type { Clock } from "../core/clock.ts";
import type { Problem } from "../core/errors.ts";
import type { Description, Health } from "./messages.ts";
import type { Session } from "./state.ts";

/** What the link to the controller needs from the world; agent/link.ts fills it, tests put fakes here and nowhere else. */
export interface ControllerPorts {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** So many random bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
  readonly transport: Transport;
  readonly session: StateFile<Session>;
  readonly host: HostPort;
  readonly report: (event: ControllerEvent) => void;
}

export interface StateFile<T> {
  /** Absent files, and those with nothing usable in them, are `undefined`. Rejects with what keeps a file from being read. */
  read(): Promise<T | undefined>;
  /** On the disk when it resolves. */
  write(value: T): Promise<void>;
}

/** Opens connections. Never throws; what goes wrong is told to the listener. */
export interface Transport {
  open(endpoint: string, listener: ConnectionListener): Connection;
}

export interface Connection {
  send(message: Uint8Array): void;
  ping(): void;
  /** Says goodbye and closes; resolves when the other side has, or after a moment. */
  close(): Promise<void>;
  /** Gives the connection up at once; the listener hears nothing of it any more. */
  drop(): void;
}

/** `lost` is called at most once, and nothing after it. */
export interface ConnectionListener {
  opened(): void;
  /** Any frame, also one of a message. */
  heard(): void;
  message(message: Uint8Array): void;
  lost(problem: Problem, retryAfterMs?: number): void;
}

/** What the controller is told of this host, and may change. */
export interface HostPort {
  /** `uid` is this host's to the controller, in hex. */
  describe(uid: string): Promise<Description>;
  health(): Promise<Health>;
  /** The configuration in force as YAML, without secrets. */
  effective(): Promise<string>;
  /** What is wrong with a configuration of the controller, together with all the others; nothing is written. */
  validate(fragment: string): Promise<readonly Problem[]>;
  /** The controller's configuration as it lies on the host; null where there is none. */
  fragment(): Promise<string | null>;
  /** Replaces it, or takes it away; what was there before is kept beside it. */
  setFragment(text: string | null): Promise<void>;
  /** Back to what was there before, which needs no room on the disk. */
  takeBack(previous: string | null): Promise<void>;
  /** Reads the configuration again, and resolves when the host follows it (nothing) or does not (why). */
  follow(): Promise<Problem | undefined>;
  /** What was rolled back may be tried again. */
  retry(): void;
}

/** What happened, for the log and whoever follows along. */
export type ControllerEvent =
  | { readonly event: "controller"; readonly step: "connected"; readonly endpoint: string }
  | { readonly event: "controller"; readonly step: "lost"; readonly problem: Problem; readonly againMs: number }
  | {
      readonly event: "controller";
      readonly step: "offered" | "applied";
      readonly hash: string;
    }
  | { readonly event: "controller"; readonly step: "failed"; readonly hash: string; readonly reason: string }
  | { readonly event: "controller"; readonly step: "complaint"; readonly problem: Problem };
