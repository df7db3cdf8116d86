import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Finished } from "../../lab/command.ts";
import type { Cable } from "../../lab/fabric.ts";
import { namespaceFile } from "../../lab/registry.ts";
import type { ToolEnv } from "../../lab/tools.ts";
import { connected, Qmp } from "./qmp.ts";

export interface VmPlace {
  /** Folder of the machine's own: its sockets and its console's text. */
  readonly folder: string;
  /** The network namespace in which QEMU runs and makes a tap for each NIC. */
  readonly namespace: string;
  readonly env: ToolEnv;
  /** Where QEMU's package is unpacked; undefined where it is installed. */
  readonly firmware: readonly string[];
  readonly kernel: string;
  /** A root file system, which the machine writes to. */
  readonly disk: string;
}

/** The second is a device on the PCI bus itself, as a physical NIC is; on the first's there is a bus of its own, virtio's. */
const models = ["virtio-net-pci", "vmxnet3"] as const;

/** The emulated timer is late on a busy machine, which the kernel's check would take for a broken one. */
const bootArguments = "console=ttyS0 quiet panic=-1 no_timer_check";

/** The first NIC's slot on the PCI bus; the others follow. */
const firstSlot = 4;

/** The PCI address of the nth NIC, counted from 0. */
export function pciOf(index: number): string {
  return `0000:00:${(firstSlot + index).toString(16).padStart(2, "0")}.0`;
}

/** A PC by emulation with a kernel of its own. */
export class VirtualMachine {
  readonly #place: VmPlace;
  readonly #answers = new Map<number, (answer: Finished) => void>();
  readonly #ready: ((booted: boolean) => void)[] = [];
  #qemu: ChildProcess | undefined;
  #qmp: Qmp | undefined;
  #port: Socket | undefined;
  #requests = 0;

  constructor(place: VmPlace) {
    this.#place = place;
  }

  /** Starts QEMU, which makes the taps; the machine waits for {@link boot}. */
  async start(initrd: string, nics: readonly Cable[]): Promise<void> {
    const { folder, namespace, env } = this.#place;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    // With us ends the machine, even when we are killed.
    const guard = ["setpriv", "--pdeathsig", "KILL", "nsenter", `--net=${namespaceFile(namespace)}`];
    const [command = "", ...args] = [...guard, "qemu-system-x86_64", ...this.#arguments(initrd, nics)];
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", 2, 2] });
    this.#qemu = child;
    child.once("close", () => this.#ended());
    const sockets = [join(folder, "qmp"), join(folder, "exec")];
    for (let tries = 0; !sockets.every((path) => existsSync(path)); tries += 1) {
      if (child.exitCode !== null || tries > 600) throw new Error(`QEMU did not start: exit code ${child.exitCode}`);
      await delay(50);
    }
    this.#qmp = await Qmp.connect(join(folder, "qmp"));
    this.#port = await connected(join(folder, "exec"));
    this.#port.on("error", () => undefined);
    createInterface({ input: this.#port }).on("line", (line) => this.#take(line));
  }

  /** Resolves when the machine takes commands. */
  async boot(): Promise<void> {
    const ready = new Promise<boolean>((resolve) => this.#ready.push(resolve));
    await this.#qmp?.command("cont");
    if (!(await within(ready, 300_000))) throw new Error(`The machine has not booted: ${await this.console()}`);
  }

  #arguments(initrd: string, nics: readonly Cable[]): readonly string[] {
    const { folder, firmware, kernel, disk } = this.#place;
    return [
      ...["-nodefaults", "-display", "none", "-S", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "768"],
      ...firmware.flatMap((path) => ["-L", path]),
      ...["-kernel", kernel, "-initrd", initrd, "-append", bootArguments],
      ...["-drive", `file=${disk},format=raw,if=virtio,cache=unsafe`],
      ...["-serial", `file:${join(folder, "console.log")}`],
      ...["-qmp", `unix:${join(folder, "qmp")},server=on,wait=off`],
      ...["-device", "virtio-serial", "-chardev", `socket,id=exec,path=${join(folder, "exec")},server=on,wait=off`],
      ...["-device", "virtserialport,chardev=exec,nr=1"],
      ...nics.flatMap(({ nic, mac, port }, index) => [
        // Without offloads: the switches take frames as they come.
        ...["-netdev", `tap,id=net-${nic},ifname=${port},script=no,downscript=no,vnet_hdr=off`],
        ...[
          "-device",
          `${models[index]},id=${nic},netdev=net-${nic},mac=${mac},bus=pcie.0,addr=${firstSlot + index},romfile=`,
        ],
      ]),
    ];
  }

  /** Runs a shell script inside and returns whatever it came to. */
  async sh(script: string, timeoutMs = 180_000): Promise<Finished> {
    const id = ++this.#requests;
    const answer = new Promise<Finished>((resolve) => this.#answers.set(id, resolve));
    this.#port?.write(`${id} ${Buffer.from(script).toString("base64")}\n`);
    const done = await within(answer, timeoutMs);
    this.#answers.delete(id);
    return done ?? { code: 137, stdout: "", stderr: `no answer within ${timeoutMs} ms` };
  }

  /** Runs a shell script inside that must succeed; returns its stdout without the last line break. */
  async must(script: string, timeoutMs?: number): Promise<string> {
    const done = await this.sh(script, timeoutMs);
    if (done.code === 0) return done.stdout.trimEnd();
    throw new Error(`inside: ${script} ended with ${done.code}: ${(done.stderr || done.stdout).trim()}`);
  }

  /** Plugs a NIC's cable in or out: the kernel inside sees carrier come and go. */
  async setLink(nic: string, up: boolean): Promise<void> {
    await this.#qmp?.command("set_link", { name: nic, up });
  }

  /** Pulls the plug. */
  async powerOff(): Promise<void> {
    const child = this.#qemu;
    this.#qemu = undefined;
    this.#port?.destroy();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.kill("SIGKILL");
    await closed;
  }

  /** What the serial console has said. */
  async console(): Promise<string> {
    return await readFile(join(this.#place.folder, "console.log"), "utf8").catch(() => "");
  }

  /** Nobody waits for a machine that is off. */
  #ended(): void {
    for (const resolve of this.#ready.splice(0)) resolve(false);
    for (const resolve of this.#answers.values()) resolve({ code: 137, stdout: "", stderr: "the machine is off" });
  }

  #take(line: string): void {
    if (line.trim() === "ready") {
      for (const resolve of this.#ready.splice(0)) resolve(true);
      return;
    }
    const [id, code, out = "", err = ""] = line.split(",");
    const text = (part: string): string => Buffer.from(part, "base64").toString();
    this.#answers.get(Number(id))?.({ code: Number(code), stdout: text(out), stderr: text(err) });
  }
}

/** Undefined where it takes longer. */
async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  const stop = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: stop.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}
