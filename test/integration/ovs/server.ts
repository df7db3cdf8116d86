import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../lab/command.ts";
import { gone, identify, type ProcessId, signalProcess } from "../../lab/processes.ts";
import { hostTools } from "../../lab/tools.ts";

export interface StartOptions {
  /** Where it listens; default `socket`. */
  readonly remotes?: readonly string[];
  /** Options of ovsdb-server beside its remotes. */
  readonly flags?: readonly string[];
  /** Bytes that any file of the server may have, as on a full disk. */
  readonly maxFileBytes?: number;
}

/** Folders of tests are named after the process that made them. */
const PREFIX = "dcl-ovs-";

/** Removes what a test run that was killed has left: its daemons, found by the folder in their words, and the folder. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    const folder = join(tmpdir(), name);
    for (const pid of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
      const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (words.startsWith("ovs") && words.includes(folder)) signalProcess(identify(Number(pid)), "SIGKILL");
    }
    await rm(folder, { recursive: true, force: true });
  }
}

/** A real ovsdb-server, and on request a real ovs-vswitchd with dummy devices, on sockets in a folder of their own. */
export class TestOvs {
  readonly folder: string;
  readonly socket: string;
  readonly database: string;
  readonly #env: NodeJS.ProcessEnv;
  #server: ProcessId | undefined;
  #vswitchd: ProcessId | undefined;

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.socket = join(folder, "db.sock");
    this.database = join(folder, "conf.db");
    this.#env = env;
  }

  /** A folder with an empty database; nothing runs yet. */
  static async create(): Promise<TestOvs> {
    await sweep();
    const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
    const tools = await hostTools();
    const ovs = new TestOvs(folder, { ...process.env, ...tools, OVS_RUNDIR: folder, OVS_LOGDIR: folder });
    await mkdir(folder, { recursive: true });
    await ovs.createDatabase();
    return ovs;
  }

  /** The same with a database that is a cluster of one: it keeps a history, and clients can go on from where they were. */
  static async createCluster(): Promise<TestOvs> {
    const ovs = await TestOvs.create();
    await rm(ovs.database);
    const schema = join(ovs.#env.OVS_PKGDATADIR ?? "/usr/share/openvswitch", "vswitch.ovsschema");
    await must(["ovsdb-tool", "create-cluster", ovs.database, schema, `unix:${join(ovs.folder, "raft.sock")}`], {
      env: ovs.#env,
    });
    return ovs;
  }

  /** Makes a new, empty database where there is none. */
  async createDatabase(): Promise<void> {
    if (existsSync(this.database)) return;
    await must(["ovsdb-tool", "create", this.database], { env: this.#env });
    await must(
      ["ovsdb-tool", "transact", this.database, '["Open_vSwitch",{"op":"insert","table":"Open_vSwitch","row":{}}]'],
      {
        env: this.#env,
      },
    );
  }

  /** Returns when the server listens. */
  async start(options: StartOptions = {}): Promise<void> {
    const remotes = (options.remotes ?? [`punix:${this.socket}`]).map((remote) => `--remote=${remote}`);
    const pidFile = join(this.folder, "ovsdb-server.pid");
    const common = [
      "--no-chdir",
      "--detach",
      "--overwrite-pidfile",
      `--pidfile=${pidFile}`,
      "-vconsole:off",
      "-vsyslog:off",
    ];
    const command = [
      "ovsdb-server",
      this.database,
      ...remotes,
      ...(options.flags ?? []),
      ...common,
      `--unixctl=${join(this.folder, "server.ctl")}`,
      `--log-file=${join(this.folder, "server.log")}`,
    ];
    const limit = ["prlimit", `--fsize=${options.maxFileBytes}`];
    // A write beyond the limit would kill the server; ignored, it fails with EFBIG instead.
    const limited = ["sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", ...limit, ...command];
    await must(options.maxFileBytes === undefined ? command : limited, { env: this.#env });
    this.#server = identify(Number(await readFile(pidFile, "utf8")));
  }

  async startVswitchd(): Promise<void> {
    const pidFile = join(this.folder, "ovs-vswitchd.pid");
    const common = [
      "--no-chdir",
      "--detach",
      "--overwrite-pidfile",
      `--pidfile=${pidFile}`,
      "-vconsole:off",
      "-vsyslog:off",
    ];
    const dummy = ["--enable-dummy=override", "--disable-system", `--unixctl=${join(this.folder, "vswitchd.ctl")}`];
    await must(["ovs-vswitchd", `unix:${this.socket}`, ...dummy, ...common], { env: this.#env });
    this.#vswitchd = identify(Number(await readFile(pidFile, "utf8")));
  }

  /** The port that the kernel chose for a remote `ptcp:0:...`. */
  async port(): Promise<number> {
    const log = await readFile(join(this.folder, "server.log"), "utf8");
    return Number(/listening on port (\d+)/.exec(log)?.[1]);
  }

  /** Ends the server and waits until it is gone. After a SIGKILL its socket file stays. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#server === undefined) return;
    signalProcess(this.#server, signal);
    await gone(this.#server);
    this.#server = undefined;
  }

  pause(daemon: "server" | "vswitchd" = "server"): void {
    this.#signal(daemon, "SIGSTOP");
  }

  resume(daemon: "server" | "vswitchd" = "server"): void {
    this.#signal(daemon, "SIGCONT");
  }

  async appctl(daemon: "server" | "vswitchd", ...words: readonly string[]): Promise<string> {
    const target = join(this.folder, `${daemon}.ctl`);
    return (await must(["ovs-appctl", `--target=${target}`, ...words], { env: this.#env, timeoutMs: 10_000 })).trim();
  }

  /** Ends everything and removes the folder. */
  async dispose(): Promise<void> {
    for (const id of [this.#vswitchd, this.#server]) {
      if (id === undefined) continue;
      signalProcess(id, "SIGKILL");
      await gone(id);
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  #signal(daemon: "server" | "vswitchd", signal: NodeJS.Signals): void {
    const id = daemon === "server" ? this.#server : this.#vswitchd;
    if (id === undefined) throw new Error(`${daemon} does not run`);
    signalProcess(id, signal);
  }
}
