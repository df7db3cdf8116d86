import { type Container, type Observed, unitOf } from "./observed.ts";
import type { ContainersPorts, Inspected } from "./ports.ts";

export interface Look extends Observed {
  /** Listed, and Docker did not answer about it: one stuck container must not hide the others. */
  readonly silent: ReadonlySet<string>;
}

type Ports = Pick<ContainersPorts, "docker" | "units" | "files">;

/** One look at everything. Throws where Docker cannot be reached at all. */
export async function observe(ports: Ports, signal: AbortSignal): Promise<Look> {
  const { docker, units, files } = ports;
  const { names, folder } = await docker.list(signal);
  const silent = new Set<string>();
  const [containers, unitsNow, freeMib] = await Promise.all([
    Promise.all([...names].map(([id, name]) => look(ports, id, signal).catch((error: unknown) => quiet(error, name)))),
    units.observe([...names.values()].map(unitOf), signal),
    files.freeMib(folder),
  ]);
  function quiet(error: unknown, name: string): undefined {
    if (signal.aborted) throw error;
    silent.add(name);
  }
  return {
    containers: containers.filter((container) => container !== undefined),
    units: unitsNow,
    ...(freeMib === undefined ? {} : { freeMib }),
    silent,
  };
}

/** Everything about one container; `undefined` if it is gone. */
export async function look({ docker, files }: Ports, id: string, signal: AbortSignal): Promise<Container | undefined> {
  const found = await docker.inspect(id, signal);
  if (found === undefined) return undefined;
  const config = found.configFolder === undefined ? undefined : await files.config(found.configFolder);
  const guests = mayHoldGuests(found) ? await files.guests(found.pid) : undefined;
  return { ...found, ...(config === undefined ? {} : { config }), ...(guests === undefined ? {} : { guests }) };
}

function mayHoldGuests({ name, pid, image }: Inspected): boolean {
  return pid > 0 && /libvirt/.test(`${name} ${image}`);
}
