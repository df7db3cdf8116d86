import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { createLab } from "../../lab/lab.ts";
import { Report } from "../boot/report.ts";
import type { LaneOptions, SystemLane } from "../lane.ts";
import { adopts, type Start, starts } from "./adoption.ts";
import { bringsUp, failsOver } from "./datapath.ts";
import { VmHost, vmConfig } from "./host.ts";
import { lacksParts, vmParts } from "./image.ts";
import { climbsBack, climbsDown, kickstartRescue, rescuedOnFirstBoot, rescuedWithoutOpenVswitch } from "./rescue.ts";
import { type Played, Steps } from "./steps.ts";

/** The machine's 768 MiB, QEMU's own, the lab's. */
const neededMiB = 1400;

/** A virtual machine with a kernel of its own: what network namespaces of this machine's kernel cannot show. */
export const vmLane: SystemLane = {
  name: "vm",
  shows: "a virtual machine: the kernel's datapath, VLANs and bonds, NICs unplugged, Open vSwitch dead, adoption",
  lacks: lacksForVm,
  mustRun: async () => (await isDebian12()) && process.getuid?.() === 0,
  run: runVm,
};

async function isDebian12(): Promise<boolean> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^ID=debian$/m.test(text) && /^VERSION_ID="?12"?$/m.test(text);
}

async function lacksForVm(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `it needs Linux on x64; this is ${process.platform} on ${process.arch}`;
  if (process.getuid?.() !== 0) return "it needs root, for taps in network namespaces of its own";
  if (!(await isDebian12())) return "it needs Debian 12, whose packages make the machine";
  const tun = await access("/dev/net/tun", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!tun) return "it needs /dev/net/tun, for the machine's NICs";
  const free = Number(/^MemAvailable:\s+(\d+) kB/m.exec(await readFile("/proc/meminfo", "utf8"))?.[1] ?? 0) / 1024;
  if (free < neededMiB) return `it needs ${neededMiB} MiB of free memory; there are ${free.toFixed(0)}`;
  return await lacksParts((line) => process.stdout.write(`${line}\n`));
}

async function runVm({ signal, quick }: LaneOptions): Promise<readonly string[]> {
  const report = new Report(signal);
  const say = (line: string) => report.line(line);
  const parts = await vmParts(say);
  signal.throwIfAborted();
  await using lab = await createLab({ hosts: 0, say });
  const host = new VmHost(lab, parts);
  // What waits for the machine ends at once when the lane is stopped.
  signal.addEventListener("abort", () => void lab.down().catch(() => undefined), { once: true });
  await host.build();
  const steps = new Steps(host, report);
  await datapath(host, steps, quick);
  if (!quick) {
    await firstBoot(host, steps);
    for (const start of starts) await adoption(host, steps, start);
  }
  steps.table();
  return report.failed;
}

async function datapath(host: VmHost, steps: Steps, quick: boolean): Promise<void> {
  await host.powerOn();
  await host.writeConfig(vmConfig());
  const first: readonly Played[] = [
    ["the agent brings the network up on the kernel's datapath", bringsUp],
    ["a NIC unplugged", failsOver],
  ];
  const more: readonly Played[] = [
    ["a reboot, and Open vSwitch stays dead: the rescue", rescuedWithoutOpenVswitch],
    ["Open vSwitch and the agent are back", climbsBack],
    ["a reboot, and Open vSwitch stays dead: the agent's ladder", climbsDown],
    ["Open vSwitch is back", climbsBack],
  ];
  await steps.play(quick ? first : [...first, ...more]);
  await host.powerOff();
}

async function firstBoot(host: VmHost, steps: Steps): Promise<void> {
  await host.powerOn({ "etc/devcloud-agent/rescue.sh": kickstartRescue() });
  await host.writeConfig(vmConfig());
  await steps.play([
    ["a first boot with nothing that runs: kickstart's rescue", rescuedOnFirstBoot],
    ["Open vSwitch and the agent come up after all", climbsBack],
  ]);
  await host.powerOff();
}

async function adoption(host: VmHost, steps: Steps, start: Start): Promise<void> {
  await host.powerOn();
  await steps.play([[`adoption of ${start.title}`, (it, report, ping) => adopts(start, it, report, ping)]]);
  await host.powerOff();
}
