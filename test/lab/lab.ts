import type { Capture, CaptureOptions } from "./capture.ts";
import { type Finished, run } from "./command.ts";
import { labVlans } from "./config.ts";
import { type CutOptions, Fabric } from "./fabric.ts";
import { Host } from "./host.ts";
import { Ping, type PingOptions } from "./ping.ts";
import { programFor } from "./program.ts";
import { claim, namespaceFile, remove, sweep } from "./registry.ts";
import { hostTools, type Say } from "./tools.ts";

export interface LabOptions {
  /** Number of hosts; default 1. */
  readonly hosts?: number;
  /** VLANs that the fabrics carry, each with a gateway; default those of the contract's example. */
  readonly vlans?: readonly number[];
  /** Start each host's Open vSwitch; default true. */
  readonly ovs?: boolean;
  /** Where set-up says what it does; default stderr. */
  readonly say?: Say;
}

/** Throws, in one sentence, where this user or machine cannot run a lab. */
export function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new Error("The lab needs root: it makes network namespaces and runs Open vSwitch and Docker in them.");
}

/** A small data centre in network namespaces; dispose of it with `await using` or {@link Lab.down}. */
export class Lab implements AsyncDisposable {
  readonly id: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly fabric: Fabric;
  readonly hosts: readonly Host[];
  #down: Promise<void> | undefined;

  constructor(id: string, folder: string, env: NodeJS.ProcessEnv, program: string, options: LabOptions) {
    this.id = id;
    this.folder = folder;
    this.env = env;
    this.fabric = new Fabric(id, folder, env, options.vlans ?? Object.values(labVlans));
    const indexes = Array.from({ length: options.hosts ?? 1 }, (_, at) => at + 1);
    this.hosts = indexes.map((index) => new Host({ labId: id, index, folder, env, program, fabric: this.fabric }));
  }

  /** The first host, for the many labs that have one. */
  get host(): Host {
    const [first] = this.hosts;
    if (first === undefined) throw new Error("This lab has no host");
    return first;
  }

  /** Cuts the cable of a NIC: with loss of carrier, or silently. */
  async cut(host: Host, nic: string, options: CutOptions = {}): Promise<void> {
    await this.fabric.cut(portOf(host, nic), options);
  }

  /** Undoes {@link cut}, whatever its kind. */
  async mend(host: Host, nic: string): Promise<void> {
    await this.fabric.mend(portOf(host, nic));
  }

  /** The switches stop carrying a VLAN to the hosts and to each other. */
  async prune(vlan: number): Promise<void> {
    await this.fabric.prune(vlan);
  }

  async allow(vlan: number): Promise<void> {
    await this.fabric.allow(vlan);
  }

  /** Starts a ping from the gateway's namespace. */
  ping(address: string, options: PingOptions = {}): Ping {
    return new Ping(this.#gateway(), address, this.env, options);
  }

  /** Whether the gateway gets a reply from an address within a second. */
  async reach(address: string): Promise<boolean> {
    return (await run([...this.#gateway(), "ping", "-n", "-c", "1", "-W", "1", address], { env: this.env })).code === 0;
  }

  /** The switch ports of a host send a VLAN without its tag, until the host is plugged in anew. */
  async untag(host: Host, vlan: number): Promise<void> {
    await this.fabric.untag(
      vlan,
      host.nics.map(({ port }) => port),
    );
  }

  async capture(host: Host, nic: string, options: CaptureOptions = {}): Promise<Capture> {
    return await host.capture(nic, options);
  }

  /** Runs a command in the gateway's namespace. */
  async gateway(...argv: readonly string[]): Promise<Finished> {
    return await run([...this.#gateway(), ...argv], { env: this.env });
  }

  #gateway(): string[] {
    return ["nsenter", `--net=${namespaceFile(this.fabric.gateway)}`];
  }

  /** Removes everything of this lab. A second call waits for the first. */
  async down(): Promise<void> {
    this.#down ??= remove(this.id, this.env);
    await this.#down;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}

function portOf(host: Host, nic: string): string {
  const found = host.nics.find((each) => each.name === nic);
  if (found === undefined) throw new Error(`${host.name} has no NIC ${nic}`);
  return found.port;
}

/** Removes dead labs, then builds a new one. Needs root. */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  requireRoot();
  const env = { ...process.env, ...(await hostTools(options.say)) };
  const swept = await sweep(env);
  for (const id of swept) options.say?.(`lab: removed what the dead lab ${id} had left`);
  const { id, folder } = await claim();
  const lab = new Lab(id, folder, env, await programFor(folder), options);
  try {
    await lab.fabric.start();
    await Promise.all(
      lab.hosts.map(async (host) => {
        await host.powerOn();
        await host.writeConfig("50-host.yaml", host.config());
        if (options.ovs ?? true) await host.startOvs();
      }),
    );
  } catch (error) {
    await lab.down();
    throw error;
  }
  return lab;
}
