import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { buildTree } from "../../../packaging/build.ts";
import { must } from "../../lab/command.ts";
import { type ConfigMap, hostConfig, managementAddress } from "../../lab/config.ts";
import type { Cable } from "../../lab/fabric.ts";
import type { Lab } from "../../lab/lab.ts";
import { type Parts, packInitrd } from "./image.ts";
import { pciOf, VirtualMachine } from "./machine.ts";

const index = 8;

export const address = managementAddress(index);

/** The name is the switch port's, and the tap's in the switches' namespace. */
export const cables: readonly [Cable, Cable] = [
  { nic: "em1", mac: "02:00:00:00:08:01", fabric: "A", port: "vm-em1" },
  { nic: "em2", mac: "02:00:00:00:08:02", fabric: "B", port: "vm-em2" },
];

/** Durations for a processor that is emulated. */
export const timing: ConfigMap = {
  boot_budget: "80s",
  ovsdb_timeout: "20s",
  apply_timeout: "20s",
  probe_interval: "500ms",
  probe_timeout: "3s",
  drift_interval: "10s",
};

export const confirm: ConfigMap = { deadline: "120s", by: "probes", good: 2 };

/** The kernel's datapath, NICs named by what stays with them. */
export function vmConfig(overrides: ConfigMap = {}): ConfigMap {
  const nics = { em1: { mac: cables[0].mac, fabric: "A" }, em2: { pci: pciOf(1), fabric: "B" } };
  const network = { datapath: "system", nics, confirm, ...overrides };
  return hostConfig(index, { network, timing });
}

/** The host under test: a virtual machine with the package's files on it, whose NICs are ports of the lab's switches. */
export class VmHost {
  readonly lab: Lab;
  readonly machine: VirtualMachine;
  readonly #parts: Parts;
  readonly #folder: string;

  constructor(lab: Lab, parts: Parts) {
    const { env, firmware, kernel } = parts;
    this.lab = lab;
    this.#parts = parts;
    this.#folder = join(lab.folder, "vm-files");
    const folder = join(lab.folder, "vm");
    const disk = join(this.#folder, "disk");
    this.machine = new VirtualMachine({ folder, namespace: lab.fabric.namespace, env, firmware, kernel, disk });
  }

  /** Builds what the package has below /usr. */
  async build(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await buildTree({ out: join(this.#folder, "dist") });
  }

  /** A machine with a disk on which nothing has run yet, and these files on it; resolves when it has booted. */
  async powerOn(texts: Readonly<Record<string, string>> = {}): Promise<void> {
    const initrd = join(this.#folder, "initrd");
    const nics = cables.map(({ nic, mac }) => `${nic} ${mac}\n`).join("");
    const trees = { usr: join(this.#folder, "dist/usr") };
    await packInitrd(this.#parts, { trees, texts: { "lane/nics": nics, ...texts } }, initrd);
    await must(["cp", "--sparse=always", this.#parts.disk, join(this.#folder, "disk")]);
    await this.#start();
  }

  async #start(): Promise<void> {
    await this.machine.start(join(this.#folder, "initrd"), cables);
    await this.lab.fabric.attach(cables);
    await this.machine.boot();
  }

  /** Pulls the plug and powers on again; what was written to the disk stays. */
  async powerCycle(): Promise<void> {
    // The disk has no journal: what is not on it by now may be half there.
    await this.machine.must("sync");
    await this.powerOff();
    await this.#start();
  }

  async powerOff(): Promise<void> {
    await this.machine.powerOff();
    await this.lab.fabric.unplug(cables);
  }

  async writeConfig(config: ConfigMap, name = "50-host.yaml"): Promise<void> {
    const text = Buffer.from(stringify(config)).toString("base64");
    await this.machine.must(`echo ${text} | base64 -d >/etc/devcloud-agent/config.d/${name}`);
  }

  async startOvs(): Promise<void> {
    await this.machine.must("/usr/share/openvswitch/scripts/ovs-ctl start --system-id=random", 300_000);
  }

  /** Starts the daemon, unless it runs; what it says is in a file. */
  async startAgent(): Promise<void> {
    const runs = "[ -e /run/agent.pid ] && exit 0";
    const start = "setsid devcloud-agent run >>/var/log/agent.log 2>&1 </dev/null &\necho $! >/run/agent.pid";
    await this.machine.must(`${runs}\n${start}`);
  }

  /** Whether the gateway gets an answer from the management address. */
  async answers(): Promise<boolean> {
    return await this.lab.reach(address);
  }

  /** For a failed step. */
  async diagnosis(): Promise<string> {
    const shown = [
      "ip -br link",
      "ip -br addr",
      "ip route",
      "ovs-vsctl --timeout=5 show",
      "tail -n 25 /var/log/agent.log",
    ];
    const { stdout } = await this.machine.sh(shown.map((each) => `echo "# ${each}"; ${each} 2>&1`).join("\n"));
    const console = (await this.machine.console()).split("\n").slice(-15).join("\n");
    return `\n${stdout}\nconsole:\n${console}`;
  }
}
