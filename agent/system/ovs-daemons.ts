import { readFileSync } from "node:fs";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Problem } from "../core/errors.ts";

/** State, and the path that it was bound to, of a socket in /proc/net/unix that accepts connections (SO_ACCEPTCON). */
const LISTENING = /^\S+ \S+ \S+ 00010000 \S+ \S+ +(\d+) (.+)$/;
const CONTAINER = /docker|libpod|containerd|kubepods|crio/;

interface Daemon {
  readonly pid: number;
  readonly inContainer: boolean;
}

/**
 * Whether there is a second Open vSwitch on this host: an ovsdb-server that took over the socket of the first, or a second
 * ovs-vswitchd. The first is whom the pid file names. Processes are the kernel's, so they are looked for in /proc whatever the root.
 */
export class OvsDaemons {
  readonly #socket: string;
  readonly #folder: string;
  /** What the folder of the sockets looked like at the last thorough look that found nothing. */
  #clean = "";
  /** The last thorough look found a second switch. */
  #found = false;

  constructor(socket: string) {
    this.#socket = socket;
    this.#folder = dirname(socket);
  }

  /** A thorough look goes through all processes, if anything has changed in the folder since it last found nothing. */
  async second(thorough: boolean): Promise<Problem | undefined> {
    const servers = await this.#strangers();
    if (servers !== undefined) return servers;
    if (!thorough && !this.#found) return undefined;
    const now = await this.#look();
    if (now === this.#clean) return undefined;
    const switches = withoutMonitors(await processesCalled("ovs-vswitchd"));
    this.#found = switches.length > 1;
    if (this.#found) return secondSwitch(await Promise.all(switches.map(({ pid }) => daemonOf(pid))));
    this.#clean = now;
    return undefined;
  }

  async #strangers(): Promise<Problem | undefined> {
    const listeners = await listenersAt(this.#socket);
    if (listeners.length === 0) return undefined;
    const first = Number(await textOf(join(this.#folder, "ovsdb-server.pid")));
    const isAlive = (await textOf(`/proc/${first}/comm`)) === "ovsdb-server";
    const own = isAlive ? await socketsOf(first) : new Set<string>();
    const others = listeners.filter((inode) => !own.has(inode));
    if (others.length === 0) return undefined;
    const holders = (await processesCalled("ovsdb-server")).filter(({ pid }) => pid !== first);
    const sockets = await Promise.all(holders.map(async ({ pid }) => ({ pid, sockets: await socketsOf(pid) })));
    const serving = sockets.filter((holder) => others.some((inode) => holder.sockets.has(inode)));
    const daemons = await Promise.all(serving.map(({ pid }) => daemonOf(pid)));
    // One that nobody else's is there beside is the first, whatever the pid file says; but a container's never is.
    const seconds = isAlive || daemons.length > 1 ? daemons : daemons.filter(({ inContainer }) => inContainer);
    return seconds.length === 0 ? undefined : secondServer(this.#socket, seconds, isAlive ? first : undefined);
  }

  async #look(): Promise<string> {
    const { mtimeMs = 0, ino = 0 } = (await stat(this.#folder).catch(() => undefined)) ?? {};
    return `${ino} ${mtimeMs}`;
  }
}

/** Inodes of the sockets that listen at a path, also of those whose name was taken over by a later one. */
async function listenersAt(socket: string): Promise<readonly string[]> {
  const table = await readFile("/proc/net/unix", "utf8").catch(() => "");
  if (!table.includes(socket)) return [];
  return table.split("\n").flatMap((line) => {
    const [, inode = "", path = ""] = LISTENING.exec(line) ?? [];
    // /var/run is /run under its old name.
    return path === socket || path === `/var${socket}` ? [inode] : [];
  });
}

async function socketsOf(pid: number): Promise<ReadonlySet<string>> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const targets = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => "")));
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}

/** Processes of a name that share our network, as Kolla's containers do. */
async function processesCalled(name: string): Promise<{ readonly pid: number; readonly parent: number }[]> {
  const ours = await readlink("/proc/self/ns/net").catch(() => "");
  const found: { pid: number; parent: number }[] = [];
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || nameOf(pid) !== name) continue;
    if ((await readlink(`/proc/${pid}/ns/net`).catch(() => "")) !== ours) continue;
    const parent = Number((await textOf(`/proc/${pid}/stat`)).replace(/^.*\) /, "").split(" ")[1]);
    found.push({ pid, parent });
  }
  return found;
}

/** At once: the kernel answers in microseconds, and a thread for each process would take longer. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

/** A daemon of Open vSwitch may run under a process of the same name that starts it again (--monitor). */
function withoutMonitors(processes: readonly { pid: number; parent: number }[]): readonly { pid: number }[] {
  return processes.filter(({ pid }) => processes.every(({ parent }) => parent !== pid));
}

async function daemonOf(pid: number): Promise<Daemon> {
  return { pid, inContainer: CONTAINER.test(await textOf(`/proc/${pid}/cgroup`)) };
}

async function textOf(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}

function secondServer(socket: string, seconds: readonly Daemon[], first: number | undefined): Problem {
  const beside = first === undefined ? "" : `, beside the host's own (pid ${first})`;
  return problem(`${seconds.map(describe).join(" and ")} serves ${socket}${beside}`, "ovsdb-server");
}

function secondSwitch(daemons: readonly Daemon[]): Problem {
  return problem(`${daemons.map(describe).join(" and ")} run at once`, "ovs-vswitchd");
}

function problem(what: string, program: string): Problem {
  return {
    code: "E_OVS_SECOND",
    message: `a second Open vSwitch runs on this host: ${program} of ${what}; the network is left as it is`,
    hint: 'End it (docker ps --filter name=openvswitch; docker rm -f NAME; enable_openvswitch: "no" in Kolla), then restart the host\'s own: systemctl restart openvswitch. The agent goes on by itself.',
  };
}

function describe({ pid, inContainer }: Daemon): string {
  return inContainer ? `a container (pid ${pid})` : `pid ${pid}`;
}
