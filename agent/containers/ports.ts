import type { Clock } from "../core/clock.ts";
import type { Problem } from "../core/errors.ts";
import type { JournalEntry } from "./journal.ts";
import type { ConfigState, Container, Unit } from "./observed.ts";
import type { Action } from "./status.ts";
import type { DockerEvent } from "./witness.ts";

/** What Docker itself says of a container; the rest of `Container` is read from the host's files. */
export type Inspected = Omit<Container, "config" | "guests">;

export interface DockerList {
  readonly names: ReadonlyMap<string, string>;
  readonly folder: string;
  /** What is wrong with the answer, where that leaves something of it. */
  readonly problem?: Problem;
}

/**
 * Docker's Engine API. Everything throws E_DOCKER_ABSENT, E_DOCKER_UNREACHABLE, E_DOCKER_TIMEOUT, E_DOCKER_REFUSED or
 * E_DOCKER_ANSWER, and takes a bounded time and a bounded memory.
 */
export interface DockerPort {
  /** Names by id, of all containers, and where Docker keeps its data. */
  list(signal: AbortSignal): Promise<DockerList>;
  /** `undefined`: there is no such container (any more). */
  inspect(id: string, signal: AbortSignal): Promise<Inspected | undefined>;
  /** Resolves when Docker says that it is done, also where it was so already. */
  act(id: string, action: "start" | "restart", timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** The last lines of its output, oldest first. */
  logs(id: string, lines: number, signal: AbortSignal): Promise<readonly string[]>;
  /** Calls back for every event until the stream ends, which it does whenever dockerd ends. `onOpen` when it has begun. */
  events(onOpen: () => void, onEvent: (event: DockerEvent) => void, signal: AbortSignal): Promise<void>;
}

/** The service manager. */
export interface UnitsPort {
  /** Kolla's units by the container that they run; none where systemd is absent; `unknown` where it does not answer. */
  observe(names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Unit> | "unknown">;
  /** Throws E_UNIT_FAILED. */
  restart(unit: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** Files of the host that a verdict depends on. What could not be read is told as that: it speaks against a restart. */
export interface HostFilesPort {
  config(folder: string): Promise<ConfigState | "unreadable">;
  freeMib(folder: string): Promise<number | undefined>;
  guests(pid: number): Promise<"none" | "some" | "unknown">;
}

/** What the agent did, one entry after the other, for ever: entries are added and never changed. */
export interface JournalPort {
  read(): Promise<readonly JournalEntry[]>;
  /** Resolves when the entry would outlive a power cut. */
  append(entry: JournalEntry): Promise<void>;
}

export type ContainersEvent =
  | { readonly event: "docker"; readonly state: "connected" | "absent" | "unreachable"; readonly reason?: string }
  | {
      readonly event: "container";
      readonly name: string;
      readonly state: string;
      readonly verdict?: string;
      readonly reason?: string;
      /** By its owner. */
      readonly restarts?: number;
      readonly exitClass?: string;
    }
  | ({ readonly event: "container-action"; readonly name: string } & Action);

export interface ContainersPorts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly docker: DockerPort;
  readonly units: UnitsPort;
  readonly files: HostFilesPort;
  readonly journal: JournalPort;
  readonly report: (event: ContainersEvent) => void;
}
