import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Finished, must, run } from "./command.ts";
import { freeze, gone, identify, type ProcessId, signalProcess } from "./processes.ts";

export type OvsDaemon = "ovsdb" | "vswitchd";

const programs: Record<OvsDaemon, string> = { ovsdb: "ovsdb-server", vswitchd: "ovs-vswitchd" };

export interface OvsPlace {
  /** Command words that lead into the namespace, e.g. `nsenter --net=FILE`. */
  readonly enter: () => readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Folder of sockets and pid files; short, because a socket's path has at most 107 bytes. */
  readonly run: string;
  readonly database: string;
  readonly logs: string;
}

/** One ovsdb-server and one ovs-vswitchd in a namespace, as `ovs-ctl start` would leave them. */
export class Ovs {
  readonly #place: OvsPlace;
  readonly #daemons = new Map<OvsDaemon, ProcessId>();
  readonly env: NodeJS.ProcessEnv;

  constructor(place: OvsPlace) {
    this.#place = place;
    this.env = { ...place.env, OVS_RUNDIR: place.run, OVS_LOGDIR: place.logs };
  }

  /** Starts both daemons; an existing database is kept, as it is over a reboot. */
  async start(): Promise<void> {
    await this.startDaemon("ovsdb");
    await must([...this.#place.enter(), "ovs-vsctl", "--no-wait", "init"], { env: this.env });
    await this.startDaemon("vswitchd");
  }

  async startDaemon(daemon: OvsDaemon): Promise<void> {
    const { run: runFolder, database, logs } = this.#place;
    await mkdir(runFolder, { recursive: true });
    await mkdir(logs, { recursive: true });
    await mkdir(join(database, ".."), { recursive: true });
    if (!existsSync(database)) await must(["ovsdb-tool", "create", database], { env: this.env });
    const program = programs[daemon];
    const pidFile = join(runFolder, `${program}.pid`);
    const socket = `unix:${join(runFolder, "db.sock")}`;
    const common = ["--no-chdir", "--detach", `--pidfile=${pidFile}`, `--log-file=${join(logs, `${program}.log`)}`];
    const quiet = ["-vconsole:off", "-vsyslog:off"];
    const own =
      daemon === "ovsdb"
        ? [database, `--remote=p${socket}`, "--remote=db:Open_vSwitch,Open_vSwitch,manager_options"]
        : [socket];
    // With --detach the command returns when the daemon is ready to serve.
    await must([...this.#place.enter(), program, ...own, ...common, ...quiet], { env: this.env });
    this.#daemons.set(daemon, identify(Number(await readFile(pidFile, "utf8"))));
  }

  /** The process of a daemon that was started; throws if it was not. */
  processOf(daemon: OvsDaemon): ProcessId {
    const id = this.#daemons.get(daemon);
    if (id === undefined) throw new Error(`${programs[daemon]} was not started`);
    return id;
  }

  async stop(): Promise<void> {
    await this.end("vswitchd", "SIGTERM");
    await this.end("ovsdb", "SIGTERM");
  }

  /** Ends one daemon and waits until it is gone. */
  async end(daemon: OvsDaemon, signal: NodeJS.Signals): Promise<void> {
    const id = this.#daemons.get(daemon);
    if (id === undefined) return;
    signalProcess(id, signal);
    await gone(id);
    this.#daemons.delete(daemon);
  }

  /** A stopped daemon keeps its sockets and its datapath ports but answers nobody. */
  pause(daemon: OvsDaemon): void {
    freeze(this.processOf(daemon));
  }

  resume(daemon: OvsDaemon): void {
    signalProcess(this.processOf(daemon), "SIGCONT");
  }

  /** Forgets daemons that something else has killed (a reboot). */
  forget(): void {
    this.#daemons.clear();
  }

  /** `ovs-vsctl ARGS`, bounded to ten seconds; returns its stdout, throws if it fails. */
  async vsctl(...args: readonly string[]): Promise<string> {
    return (await must([...this.#place.enter(), "ovs-vsctl", "--timeout=10", ...args], { env: this.env })).trim();
  }

  async appctl(...args: readonly string[]): Promise<string> {
    return (await must([...this.#place.enter(), "ovs-appctl", "--timeout=10", ...args], { env: this.env })).trim();
  }

  async exec(...argv: readonly string[]): Promise<Finished> {
    return await run([...this.#place.enter(), ...argv], { env: this.env });
  }
}
