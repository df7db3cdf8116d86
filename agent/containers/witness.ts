import { isChild } from "./kolla.ts";
import type { Death } from "./memory.ts";

/** One event of Docker's about a container. */
export interface DockerEvent {
  /** `die`, `kill`, `exec_create: COMMAND`, `health_status: healthy`. */
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** So long before the end of the stream, a stop may have been dockerd's own, on its way down. */
const SHUTDOWN_MS = 30_000;

/** Signals that end a container: what `docker stop` and `docker kill` send. Not 1 (reload) and the like. */
const ending: ReadonlySet<string> = new Set(["2", "3", "9", "15", "SIGINT", "SIGQUIT", "SIGKILL", "SIGTERM"]);

interface Seen {
  /** Somebody asked for its end. */
  readonly asked: boolean;
  readonly stopped: boolean;
  readonly died: boolean;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** What the events say that no look at a container can: how it died, and whether a deployer is at work. */
export class Witness {
  readonly #seen = new Map<string, Seen>();
  /** Containers that the agent itself is restarting. */
  readonly #ours = new Set<string>();
  #deployerAt: number | undefined;

  get deployerAt(): number | undefined {
    return this.#deployerAt;
  }

  deployerAtWork(now: number): void {
    this.#deployerAt = now;
  }

  /** The agent restarts this container: whoever asks for its end now, it is us. */
  ours(id: string): void {
    this.#ours.add(id);
  }

  /** The agent has restarted it, or has tried: a container that stayed down did not want to. */
  oursEnded(id: string, now: number): void {
    this.#ours.delete(id);
    if (this.#seen.has(id)) this.#seen.set(id, { asked: false, stopped: false, died: true, at: now });
  }

  /** Takes an event in. Returns whether it is worth a look. */
  take({ action, id, name, attributes }: DockerEvent, now: number): boolean {
    const before = this.#seen.get(id) ?? { asked: false, stopped: false, died: false, at: now };
    if (action.startsWith("exec_create")) {
      // Nobody but Ansible asks a container whether its configuration is up to date; this agent never does.
      if (action.includes("kolla_set_configs --check")) this.#deployerAt = now;
      return false;
    }
    switch (action) {
      case "kill":
        if (ending.has(attributes.signal ?? "") && !this.#ours.has(id))
          this.#seen.set(id, { ...before, asked: true, at: now });
        return false;
      case "die":
        this.#seen.set(id, { ...before, died: true, at: now });
        return true;
      case "stop":
        if (!this.#ours.has(id)) this.#seen.set(id, { ...before, asked: true, stopped: true, at: now });
        return true;
      case "start":
        this.#seen.delete(id);
        return true;
      case "create":
      case "destroy":
        this.#seen.delete(id);
        // Neutron's agents make and remove children all day, and what is not Kolla's is nobody's deployment.
        if ("kolla_version" in attributes && !isChild(name)) this.#deployerAt = now;
        return true;
      default:
        return true;
    }
  }

  death(id: string): Death | undefined {
    const seen = this.#seen.get(id);
    if (seen?.died !== true) return undefined;
    return seen.asked ? "operator" : "crash";
  }

  /** The stream ended. A dockerd that is stopped kills its containers first: nobody meant any of them. */
  lost(now: number): void {
    for (const [id, { stopped, at }] of this.#seen) {
      if (!stopped && now - at < SHUTDOWN_MS) this.#seen.delete(id);
    }
  }
}
