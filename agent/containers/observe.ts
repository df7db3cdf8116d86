import { type Problem, problemOf } from "../core/errors.ts";
import { isKolla } from "./kolla.ts";
import { type Container, type Observed, unitOf } from "./observed.ts";
import type { ContainersPorts, Inspected } from "./ports.ts";

export interface Look extends Observed {
  /** Listed, and Docker did not answer about it: one stuck container must not hide the others. */
  readonly silent: ReadonlySet<string>;
  /** What Docker answered and nobody can use. */
  readonly problems: readonly Problem[];
}

/** So many questions to Docker at a time. */
const AT_ONCE = 8;
/** So many of its unusable answers are told one by one. */
const MAX_PROBLEMS = 5;

type Ports = Pick<ContainersPorts, "docker" | "units" | "files">;

/** One look at everything. Throws where Docker cannot be reached at all. */
export async function observe(ports: Ports, signal: AbortSignal, progress: () => void): Promise<Look> {
  const { docker, units, files } = ports;
  const { names, folder, problem } = await docker.list(signal);
  const containers: Container[] = [];
  const silent = new Set<string>();
  const problems: Problem[] = problem === undefined ? [] : [problem];
  const left = names.entries();
  async function inspect(): Promise<void> {
    for (const [id, name] of left) {
      try {
        const found = await look(ports, id, signal);
        if (found !== undefined) containers.push(found);
      } catch (error) {
        if (signal.aborted) throw error;
        silent.add(name);
        const { message, ...why } = problemOf(error);
        if (why.code === "E_DOCKER_ANSWER" && problems.length < MAX_PROBLEMS)
          problems.push({ ...why, message: `container ${name}: ${message}` });
      }
      progress();
    }
  }
  const [unitsNow, freeMib] = await Promise.all([
    units.observe([...names.values()].map(unitOf), signal),
    files.freeMib(folder),
    ...Array.from({ length: AT_ONCE }, inspect),
  ]);
  return { containers, units: unitsNow, ...(freeMib === undefined ? {} : { freeMib }), silent, problems };
}

/** Everything about one container; `undefined` if it is gone. */
export async function look({ docker, files }: Ports, id: string, signal: AbortSignal): Promise<Container | undefined> {
  const found = await docker.inspect(id, signal);
  if (found === undefined) return undefined;
  const folder = isKolla(found) ? found.configFolder : undefined;
  const config = folder === undefined ? undefined : await files.config(folder);
  const guests = mayHoldGuests(found) ? await files.guests(found.pid) : undefined;
  return { ...found, ...(config === undefined ? {} : { config }), ...(guests === undefined ? {} : { guests }) };
}

function mayHoldGuests({ name, pid, image }: Inspected): boolean {
  return pid > 0 && /libvirt/.test(`${name} ${image}`);
}
