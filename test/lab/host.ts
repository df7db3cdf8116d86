import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { AgentProcess } from "./agent.ts";
import { Capture, type CaptureOptions } from "./capture.ts";
import { type CommandOptions, type Finished, run } from "./command.ts";
import { type ConfigMap, hostConfig, managementAddress } from "./config.ts";
import { Docker } from "./docker.ts";
import type { Cable, Fabric, FabricName } from "./fabric.ts";
import { Ovs, type OvsDaemon } from "./ovs.ts";
import { identify, type ProcessId } from "./processes.ts";
import { addNamespaces, endProcesses, namespaceFile, namespaceName, removeNamespace } from "./registry.ts";

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const gateScript = join(repository, "packaging/usr/libexec/devcloud-agent/docker-gate");

/** Command words for a shell on a host of a lab that another process owns. */
export function openShell(labFolder: string, host: string): string[] {
  const script = join(labFolder, `${host}-shell`);
  if (!existsSync(script)) throw new Error(`The running lab has no host ${host}`);
  return [script];
}

/** Where a fragment goes, by its rank in the contract. */
const fragmentFolders = {
  usr: "usr/lib/devcloud-agent/config.d",
  etc: "etc/devcloud-agent/config.d",
  controller: "var/lib/devcloud-agent/controller",
  override: "etc/devcloud-agent/override.d",
  run: "run/devcloud-agent/override.d",
} as const;
export type FragmentRank = keyof typeof fragmentFolders;

/**
 * What the machine is to a host, set up by the host's first process in a mount namespace of its own: /run is ROOT/run,
 * /sys and ROOT/sys show the host's NICs, and what is written to /etc stays in the lab. All of it ends with the host's processes.
 */
const firstProcess = `
root=$1 scratch=$2 name=$3
busybox hostname "$name"
busybox mount -o bind "$root/run" /run
busybox mount -o rbind /sys/fs/cgroup "$root/sys" && groups=yes
busybox mount -t sysfs sysfs /sys
[ -z "\${groups-}" ] || busybox mount -o move "$root/sys" /sys/fs/cgroup
busybox mount -t sysfs sysfs "$root/sys"
busybox mount -o bind /proc/sys/net "$root/proc/sys/net"
busybox mount -t overlay -o "lowerdir=/etc,upperdir=$scratch/etc,workdir=$scratch/work" overlay /etc ||
  { busybox mount -t tmpfs tmpfs "$scratch/etc" && cp -a /etc/. "$scratch/etc" && busybox mount -o bind "$scratch/etc" /etc; }
echo up
exec sleep infinity
`;

/** What the agent's collectors read of /proc: the machine's own, seen from the host's namespaces. */
const kernelFiles = [
  ..."diskstats loadavg meminfo net pressure self stat".split(" "),
  ..."domainname hostname osrelease ostype version".split(" ").map((name) => `sys/kernel/${name}`),
];

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

export interface HostPlace {
  readonly labId: string;
  /** From 1. */
  readonly index: number;
  readonly folder: string;
  readonly fabric: Fabric;
  readonly env: NodeJS.ProcessEnv;
  /** The agent's program file. */
  readonly program: string;
}

export interface Nic extends Cable {
  readonly name: string;
}

/** A bare-metal host of the lab: a root folder, namespaces, two NICs, and whatever of OVS, agent and Docker was started. */
export class Host {
  readonly name: string;
  readonly index: number;
  readonly namespace: string;
  /** The host's root folder: what the agent gets as `--root`. */
  readonly root: string;
  /** Environment of every program that the host runs: the tools, OVS_RUNDIR, DOCKER_HOST. */
  readonly env: NodeJS.ProcessEnv;
  readonly nics: readonly [Nic, Nic];
  /** The management address in the configuration that {@link config} makes, without prefix length. */
  readonly address: string;
  readonly ovs: Ovs;
  readonly docker: Docker;
  readonly #place: HostPlace;
  #first: ProcessId | undefined;
  #agent: AgentProcess | undefined;

  constructor(place: HostPlace) {
    const { labId, index, folder, env } = place;
    this.#place = place;
    this.index = index;
    this.name = `h${index}`;
    this.namespace = namespaceName(labId, this.name);
    this.root = join(folder, this.name);
    this.address = managementAddress(index);
    this.nics = [this.#nic("em1", "A", 1), this.#nic("em2", "B", 2)];
    const enter = (): readonly string[] => this.enter();
    const run = join(this.root, "run/openvswitch");
    const logs = join(this.root, "var/log/openvswitch");
    this.ovs = new Ovs({ enter, env, run, database: join(this.root, "var/lib/openvswitch/conf.db"), logs });
    const scratch = join(folder, `${this.name}-scratch`);
    this.docker = new Docker({
      enter,
      env: this.ovs.env,
      root: this.root,
      scratch,
      group: `/devcloud-lab/${labId}/${this.name}`,
    });
    this.env = this.docker.env;
  }

  #nic(name: string, fabric: FabricName, number: number): Nic {
    const { labId, index } = this.#place;
    // Locally administered, and different between labs: a frame that leaked would be found out.
    const lab = Number.parseInt(labId, 36).toString(16).padStart(6, "0");
    const byte = (value: number): string => value.toString(16).padStart(2, "0");
    const mac = ["02", lab.slice(0, 2), lab.slice(2, 4), lab.slice(4, 6), byte(index), byte(number)].join(":");
    return { name, nic: name, mac, fabric, port: `${this.name}-${name}` };
  }

  /** Power on: namespaces, NICs, root folder. Neither OVS nor agent nor Docker starts by itself. */
  async powerOn(): Promise<void> {
    const folders = [
      ...Object.values(fragmentFolders),
      "proc/sys/kernel/random",
      "proc/sys/net",
      "etc/openvswitch",
      "run",
      "sys",
      "var/log",
    ];
    for (const folder of folders) await mkdir(join(this.root, folder), { recursive: true });
    await this.setBootId(randomUUID());
    for (const name of kernelFiles) {
      await symlink(`/proc/${name}`, join(this.root, "proc", name)).catch(unlessThere);
    }
    await addNamespaces([this.namespace], this.env);
    await run(["ip", "-n", this.namespace, "link", "set", "lo", "up"], { env: this.env });
    await this.#place.fabric.plug(this.namespace, this.nics);
    const scratch = `${this.root}-scratch`;
    for (const folder of ["etc", "work"]) await mkdir(join(scratch, folder), { recursive: true });
    await this.#startFirst(scratch);
  }

  async #startFirst(scratch: string): Promise<void> {
    const enter = ["nsenter", `--net=${namespaceFile(this.namespace)}`];
    const own = ["unshare", "--mount", "--propagation", "slave", "--uts"];
    const [command = "", ...args] = [...enter, ...own, "sh", "-c", firstProcess, "sh", this.root, scratch, this.name];
    const child = spawn(command, args, { env: this.env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`The first process of ${this.name} ended: ${said}`)));
    });
    if (child.pid === undefined) throw new Error(`The first process of ${this.name} was not started`);
    this.#first = identify(child.pid);
    await this.#writeShell(this.#first);
    // It outlives every command; the lab must be able to end without waiting for it.
    child.unref();
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
  }

  /** For people: HOST-bin/devcloud-agent, and HOST-shell, a program that opens a shell on the host. */
  async #writeShell({ pid }: ProcessId): Promise<void> {
    const bin = `${this.root}-bin`;
    await mkdir(bin, { recursive: true });
    const agent = `#!/bin/sh\nexec "${process.execPath}" "${this.#place.program}" --root "${this.root}" "$@"\n`;
    await writeFile(join(bin, "devcloud-agent"), agent, { mode: 0o755 });
    const variables = ["OVS_RUNDIR", "OVS_LOGDIR", "DOCKER_HOST"].map((name) => `export ${name}="${this.env[name]}"`);
    const enter = `exec nsenter --target ${pid} --net --mount --uts "\${SHELL:-/bin/sh}"`;
    const lines = ["#!/bin/sh", ...variables, `export PATH="${bin}:$PATH"`, `cd "${this.root}" || exit 1`, enter];
    await writeFile(`${this.root}-shell`, `${lines.join("\n")}\n`, { mode: 0o755 });
  }

  /** Command words that lead into the host's namespaces. */
  enter(): readonly string[] {
    if (this.#first === undefined) throw new Error(`${this.name} is not powered on`);
    return ["nsenter", "--target", String(this.#first.pid), "--net", "--mount", "--uts"];
  }

  /** Runs a command on the host to its end. */
  async exec(argv: readonly string[], options: CommandOptions = {}): Promise<Finished> {
    return await run([...this.enter(), ...argv], { env: this.env, ...options });
  }

  async vsctl(...args: readonly string[]): Promise<string> {
    return await this.ovs.vsctl(...args);
  }

  async startOvs(): Promise<void> {
    await this.ovs.start();
  }

  async stopOvs(): Promise<void> {
    await this.ovs.stop();
  }

  /** SIGSTOP to one daemon: it holds its sockets and answers nobody. */
  pauseOvs(daemon: OvsDaemon): void {
    this.ovs.pause(daemon);
  }

  resumeOvs(daemon: OvsDaemon): void {
    this.ovs.resume(daemon);
  }

  async killOvs(daemon: OvsDaemon): Promise<void> {
    await this.ovs.end(daemon, "SIGKILL");
  }

  /**
   * Starts Docker as docker.service would: with `gate` the shipped gate script holds it until the agent's net-ready
   * flag is there or its time has passed. Resolves when Docker serves.
   */
  async startDocker(options: { readonly gate?: boolean } = {}): Promise<void> {
    if (options.gate) {
      const env = { ...this.env, DEVCLOUD_ROOT: this.root };
      const done = await this.exec(["sh", gateScript], { env, timeoutMs: 15 * 60_000 });
      if (done.code !== 0) throw new Error(`The gate of Docker ended with ${done.code}: ${done.stderr}${done.stdout}`);
    }
    await this.docker.start();
  }

  async stopDocker(): Promise<void> {
    await this.docker.stop();
  }

  /** A configuration that is right for this host; see {@link hostConfig}. */
  config(overrides: ConfigMap = {}): ConfigMap {
    return hostConfig(this.index, overrides);
  }

  /** Writes a fragment, e.g. `50-host.yaml`, from text or values, and returns its path. */
  async writeConfig(name: string, content: string | ConfigMap, rank: FragmentRank = "etc"): Promise<string> {
    const path = join(this.root, fragmentFolders[rank], name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "string" ? content : stringify(content));
    return path;
  }

  /** The agent program with its root, in the host's namespaces. */
  agentCommand(...args: readonly string[]): string[] {
    return [...this.enter(), process.execPath, this.#place.program, "--root", this.root, ...args];
  }

  /** Starts `devcloud-agent run`. */
  startAgent(options: { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {}): AgentProcess {
    this.#agent = new AgentProcess(this.agentCommand("run", ...(options.args ?? [])), { ...this.env, ...options.env });
    return this.#agent;
  }

  /** The agent that was started last. */
  get agent(): AgentProcess | undefined {
    return this.#agent;
  }

  /** `devcloud-agent ARGS` on this host, to its end (bounded to a minute). */
  async cli(...args: readonly string[]): Promise<Finished> {
    return await run(this.agentCommand(...args), { env: this.env });
  }

  /** What leaves (default) or enters a NIC. Resolves when the capture runs. */
  async capture(nic: string, options: CaptureOptions = {}): Promise<Capture> {
    return await Capture.start(this.enter(), nic, this.env, options);
  }

  async setBootId(value: string): Promise<void> {
    await writeFile(join(this.root, "proc/sys/kernel/random/boot_id"), `${value}\n`);
  }

  /**
   * Pulls the plug and powers on again: every process of the host dies at once, /run is empty, the boot id is another,
   * NICs and namespaces are new (taps of OVS would survive otherwise). Files outside /run stay. `ovs: false` leaves OVS
   * off. Cut cables stay cut.
   */
  async reboot(options: { readonly ovs?: boolean } = {}): Promise<void> {
    await this.powerOff();
    await this.powerOn();
    if (options.ovs ?? true) await this.startOvs();
  }

  async powerOff(): Promise<void> {
    await endProcesses(this.namespace, `${this.#place.labId}/${this.name}`);
    if (this.#agent !== undefined) await this.#agent.exited;
    this.ovs.forget();
    this.docker.forget();
    await this.#place.fabric.unplug(this.nics);
    await removeNamespace(this.namespace, this.env);
    this.#first = undefined;
    const runFolder = join(this.root, "run");
    for (const name of await readdir(runFolder)) await rm(join(runFolder, name), { recursive: true, force: true });
    await rm(`${this.root}-scratch`, { recursive: true, force: true });
  }
}
