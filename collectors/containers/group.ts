import type { HostFiles } from "../collector.ts";

/**
 * In /proc/PID/cgroup (`HIERARCHY:CONTROLLERS:PATH`, cgroups(7)) the path of the group that bears a container's identifier, whatever
 * groups the container made below it: `/docker/ID`, or `/system.slice/docker-ID.scope` where Docker has systemd make it.
 */
export function groupIn(text: string, id: string): string | undefined {
  for (const line of text.split("\n")) {
    const path = line.split(":").slice(2).join(":");
    const at = path.indexOf(id);
    if (at === -1) continue;
    const rest = path.slice(at).search(/[/ ]/);
    return rest === -1 ? path : path.slice(0, at + rest);
  }
  return undefined;
}

/** The control groups of containers that run, each read once: a container keeps its group for as long as its process lives. */
export class Groups {
  readonly #host: HostFiles;
  #known = new Map<string, { readonly pid: number; readonly path: string }>();

  constructor(host: HostFiles) {
    this.#host = host;
  }

  /** The paths by identifier, of those that can be told. What is not asked for any more is forgotten. */
  async of(processes: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, string>> {
    const before = this.#known;
    const entries = await Promise.all(
      [...processes].map(async ([id, pid]) => {
        const known = before.get(id);
        if (known?.pid === pid) return [id, known] as const;
        // Not by a descriptor that stays: these processes come and go.
        const text = await this.#host.readSlow(`proc/${pid}/cgroup`).catch(() => "");
        const path = groupIn(text, id);
        return path === undefined ? undefined : ([id, { pid, path }] as const);
      }),
    );
    this.#known = new Map(entries.filter((entry) => entry !== undefined));
    return new Map([...this.#known].map(([id, { path }]) => [id, path]));
  }
}
