/** What Docker and systemd say of the containers of this host: plain data, read at one moment. */
export interface Observed {
  readonly containers: readonly Container[];
  /** By the name of the container that they run. `unknown`: systemd did not answer, so nobody knows who owns what. */
  readonly units: ReadonlyMap<string, Unit> | "unknown";
  /** Of the disk that Docker keeps its containers on; absent where it could not be read. */
  readonly freeMib?: number;
}

export type ContainerState = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

export interface Container {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly state: ContainerState;
  /** Of its first process; 0 where it does not run. */
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** What Docker said when it could not start the container; empty otherwise. */
  readonly error: string;
  /** Milliseconds since the epoch; absent where it never did. */
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** By Docker's restart policy alone. */
  readonly restartCount: number;
  readonly policy: { readonly name: string; readonly maximumRetries: number };
  readonly health?: Health;
  readonly hostPid: boolean;
  readonly hostCgroup: boolean;
  /** The folder of the host that holds its configuration, where it has one. */
  readonly configFolder?: string;
  /** What is in that folder now; asked only of Kolla's, which copy it at their start. */
  readonly config?: ConfigState | "unreadable";
  /** Whether virtual machines live in its control group; asked only of those where it could be. */
  readonly guests?: "none" | "some" | "unknown";
}

export interface Health {
  readonly status: "starting" | "healthy" | "unhealthy";
  readonly failingStreak: number;
  /** When the last probe ended, as Docker wrote it; absent before the first. */
  readonly lastProbe?: string;
  readonly lastOutput?: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** A hash of the files, and the youngest change of any of them (milliseconds since the epoch). */
export interface ConfigState {
  readonly hash: string;
  readonly changedAt: number;
}

/** A unit that runs a container: `kolla-NAME-container.service`. */
export interface Unit {
  readonly unit: string;
  readonly active: string;
  readonly sub: string;
  readonly result: string;
  readonly enabled: boolean;
  readonly restarts: number;
}

export function unitOf(name: string): string {
  return `kolla-${name}-container.service`;
}

export function containerOf(unit: string): string | undefined {
  return /^kolla-(.+)-container\.service$/.exec(unit)?.[1];
}
