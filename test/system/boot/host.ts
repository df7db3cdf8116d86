import { cp, link, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { stringify } from "yaml";
import { buildPackage, rpmTools } from "../../../packaging/package.ts";
import { must } from "../../lab/command.ts";
import { type ConfigMap, hostConfig, managementAddress } from "../../lab/config.ts";
import type { Cable } from "../../lab/fabric.ts";
import type { Lab } from "../../lab/lab.ts";
import { addNamespaces, namespaceName, removeNamespace } from "../../lab/registry.ts";
import type { ToolEnv } from "../../lab/tools.ts";
import { Machine } from "./machine.ts";

/** How long Docker's gate holds on the lane's host; printed, because the shipped 600 s are shortened by it. */
export const holdSeconds = 20;
/** When the rescue comes on the lane's host, instead of the shipped 120 s. */
export const rescueSeconds = 5;
/** The agent's watchdog on the lane's host, instead of the shipped 30 s. */
export const watchdogSeconds = 6;

const index = 7;
const name = "boot";

/** A VLAN that the lab's fabrics do not carry. */
const prunedVlan = 130;
/** The configuration that cuts the host off: it is valid, and the switches drop what it sends. */
export const cutOff: ConfigMap = { version: 1, network: { vlans: { management: prunedVlan } } };

/** Debian's packages are not in rpm's database: what ours requires is there all the same. */
const database = ["--define", "_dbpath /var/lib/rpm", "--nodeps"];

const cables: readonly Cable[] = [
  { nic: "em1", mac: "02:00:00:00:07:01", fabric: "A", port: `${name}-em1` },
  { nic: "em2", mac: "02:00:00:00:07:02", fabric: "B", port: `${name}-em2` },
];

/** What an administrator of the lane's host added to the package: configuration, and shorter durations. */
const files: Readonly<Record<string, string>> = {
  "etc/devcloud-agent/config.d/50-host.yaml": stringify(
    hostConfig(index, { docker_gate: { hold: `${holdSeconds}s`, then: "start" } }),
  ),
  "etc/docker/daemon.json": JSON.stringify({ iptables: false, bridge: "none" }),
  "etc/systemd/system/devcloud-agent-rescue.timer.d/lane.conf": `[Timer]\nOnActiveSec=\nOnActiveSec=${rescueSeconds}s\n`,
  "etc/systemd/system/devcloud-agent.service.d/lane.conf": `[Service]\nWatchdogSec=${watchdogSeconds}s\n`,
  "etc/systemd/journald.conf.d/lane.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\n",
};

/** The host under test: a machine with our package and Node on it, cabled to the lab's fabrics. */
export class BootHost {
  readonly address = managementAddress(index);
  readonly machine: Machine;
  readonly #lab: Lab;
  readonly #layer: string;
  readonly #namespace: string;
  #rpm = "";

  constructor(lab: Lab, base: string, env: ToolEnv) {
    this.#lab = lab;
    this.#namespace = namespaceName(lab.id, name);
    const folder = join(lab.folder, name);
    this.#layer = join(folder, "installed");
    const group = `devcloud-lab/${lab.id}/${name}`;
    this.machine = new Machine({ folder, group, name: `boot-${lab.id}`, layers: [this.#layer, base], env });
  }

  /** Installs the package as `rpm` does, with its scripts, on a root with Node and what an administrator adds. */
  async install(given: string | undefined, say: (line: string) => void): Promise<void> {
    const layer = this.#layer;
    const file = given ?? (await buildPackage({ out: join(this.#lab.folder, "rpm") })).file;
    this.#rpm = file;
    const node = join(layer, "usr/bin/node");
    await mkdir(dirname(node), { recursive: true });
    await link(process.execPath, node).catch(() => cp(process.execPath, node));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(layer, path)), { recursive: true });
      await writeFile(join(layer, path), text);
    }
    await this.machine.prepare((root) => ["rpm", "--root", root, ...database, "--install", file], await rpmTools());
    say(`boot: installed ${basename(file)}`);
    // Debian enables a package's units at once; what runs at times (apt, e2scrub) would only disturb the stamps.
    const noise = ["apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service"];
    await this.machine.prepare((root) => ["chroot", root, "systemctl", "disable", ...noise]);
  }

  /**
   * Upgrades to the same package on the running host. rpm comes from outside, where it cannot run the package's scripts: they are
   * run inside, as rpm would, at their times and with their arguments.
   */
  async upgrade(): Promise<void> {
    await this.#rpmWithoutScripts("--upgrade", "--force", this.#rpm);
    await this.#scriptOfPackage("POSTIN", 2);
    await this.#scriptOfPackage("PREUN", 1);
    await this.#scriptOfPackage("POSTUN", 1);
  }

  /** Takes the package off the running host, in the same way; resolves with what its scripts said. */
  async remove(): Promise<string> {
    const before = await this.#scriptOfPackage("PREUN", 0);
    await this.#rpmWithoutScripts("--erase", "devcloud-agent");
    return before + (await this.#scriptOfPackage("POSTUN", 0));
  }

  async #rpmWithoutScripts(...words: readonly string[]): Promise<void> {
    const command = (root: string) => ["rpm", "--root", root, ...database, "--noscripts", ...words];
    await this.machine.beside(command, await rpmTools());
  }

  async #scriptOfPackage(name: "POSTIN" | "PREUN" | "POSTUN", left: number): Promise<string> {
    const script = await must(["rpm", "-qp", "--queryformat", `%{${name}}`, this.#rpm], { env: await rpmTools() });
    const done = await this.machine.exec(["sh", "-c", script, "sh", String(left)], { timeoutMs: 120_000 });
    if (done.code !== 0) throw new Error(`%${name} of the package ended with ${done.code}: ${done.stderr}`);
    return done.stdout + done.stderr;
  }

  /** New NICs in a new namespace, as after a power-on, then systemd. Resolves when it answers, long before READY. */
  async powerOn(): Promise<void> {
    await addNamespaces([this.#namespace], this.#lab.env);
    await this.#lab.fabric.plug(this.#namespace, cables);
    await this.machine.powerOn(this.#namespace);
  }

  async powerOff(): Promise<void> {
    await this.machine.powerOff();
    await this.#lab.fabric.unplug(cables);
    await removeNamespace(this.#namespace, this.#lab.env);
  }

  /** Whether the gateway gets an answer from the management address. */
  async answers(): Promise<boolean> {
    return await this.#lab.reach(this.address);
  }

  /** An image of busybox alone, and a container of it that Docker restarts after a reboot. */
  async startContainer(): Promise<void> {
    const script = `mkdir -p /tmp/image/bin && cp /bin/busybox /tmp/image/bin/ && tar -C /tmp/image -c . | docker import - lane:1 &&
      docker run -d --name work --network host --restart unless-stopped lane:1 /bin/busybox sleep 100000000`;
    await this.machine.must(["sh", "-ec", script], { timeoutMs: 120_000 });
  }

  /** Lays a fragment over the configuration; undefined takes it away. The agent is not told. */
  async overlay(fragment: ConfigMap | undefined): Promise<void> {
    const file = "/etc/devcloud-agent/config.d/90-lane.yaml";
    if (fragment === undefined) await this.machine.must(["rm", "-f", file]);
    else await this.machine.must(["sh", "-c", `cat >${file}`], { input: Buffer.from(stringify(fragment)) });
  }

  /** Lets every start of the agent's service fail, or gives it its program back; what runs now is not touched. */
  async breakAgent(broken: boolean): Promise<void> {
    const folder = "/run/systemd/system/devcloud-agent.service.d";
    const text = "[Service]\\nExecStart=\\nExecStart=/bin/false\\n";
    const change = broken ? `mkdir -p ${folder} && printf '${text}' >${folder}/false.conf` : `rm ${folder}/false.conf`;
    await this.machine.must(["sh", "-ec", `${change} && systemctl daemon-reload`]);
  }

  /** For a failed run: the agent's last lines, and the console's. */
  async diagnosis(): Promise<string> {
    const journal = ["journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-n", "60"];
    const units = ["devcloud-agent", "devcloud-agent-rescue", "devcloud-agent-rollback", "docker"].flatMap((unit) => [
      "-u",
      unit,
    ]);
    const said = await this.machine.exec([...journal, ...units]).catch((error: unknown) => ({ stdout: String(error) }));
    const console = (await this.machine.console()).split("\n").slice(-15).join("\n");
    return `\njournal of the agent, the rescue and Docker:\n${said.stdout}\nconsole:\n${console}`;
  }

  /** Kept aside on the same file system, where no PATH leads. */
  async removeNode(): Promise<void> {
    await this.machine.must(["mv", "/usr/bin/node", "/var/tmp/node.removed"]);
  }

  async restoreNode(): Promise<void> {
    await this.machine.must(["mv", "/var/tmp/node.removed", "/usr/bin/node"]);
  }
}
