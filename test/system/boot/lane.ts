import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { documentedCommands } from "../../docs/machine.ts";
import { createLab } from "../../lab/lab.ts";
import type { LaneOptions, SystemLane } from "../lane.ts";
import { bootTools } from "../tools.ts";
import { dockerStaysStopped } from "./docker-stopped.ts";
import { BootHost } from "./host.ts";
import { unitOwnsContainer } from "./kolla.ts";
import { Report } from "./report.ts";
import { baseRoot } from "./root.ts";
import {
  agentComesAndGoes,
  agentReplacedByFalse,
  bootInOrder,
  bootWithoutAgent,
  bootWithoutNode,
  deadMan,
  maskAgent,
  packageRemoved,
  packageUpgraded,
} from "./scenarios.ts";

/** A booted systemd with the shipped units: order at boot, the agent's coming and going, a host without Node. */
export const bootLane: SystemLane = {
  name: "boot",
  shows: "a booted systemd: Open vSwitch, the agent's READY, then Docker; and what a broken agent leaves alone",
  lacks: lacksForBoot,
  mustRun: async () => (await isDebian12()) && process.getuid?.() === 0,
  run: runBoot,
};

async function isDebian12(): Promise<boolean> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^ID=debian$/m.test(text) && /^VERSION_ID="?12"?$/m.test(text);
}

async function lacksForBoot(): Promise<string | undefined> {
  if (process.platform !== "linux") return `it needs Linux; this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "it needs root, to boot a systemd in namespaces of its own";
  if (!(await isDebian12())) return "it needs Debian 12, whose packages make the root that it boots";
  const tun = await access("/dev/net/tun", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!tun) return "it needs /dev/net/tun, for the ports of the userspace datapath";
  const overlay = /\boverlay$/m.test(await readFile("/proc/filesystems", "utf8"));
  return overlay ? undefined : "it needs overlayfs";
}

async function runBoot({ signal, rpm }: LaneOptions): Promise<readonly string[]> {
  const report = new Report(signal);
  const say = (line: string) => report.line(line);
  const tools = await bootTools(say);
  const base = await baseRoot(tools, say);
  signal.throwIfAborted();
  await using lab = await createLab({ hosts: 0, say });
  const host = new BootHost(lab, base, tools);
  // What waits inside for the machine ends at once when the lane is stopped.
  signal.addEventListener("abort", () => void lab.down().catch(() => undefined), { once: true });
  await host.install(rpm, say);
  await scenarios(host, report);
  return report.failed;
}

async function scenarios(host: BootHost, report: Report): Promise<void> {
  const play = async (scenario: (host: BootHost, report: Report) => Promise<void>) => {
    const failures = report.failed.length;
    try {
      await scenario(host, report);
    } catch (error) {
      report.signal.throwIfAborted();
      report.check("it runs to its end", false, error instanceof Error ? error.message : String(error));
    }
    // While the machine still runs: its journal ends with it.
    if (report.failed.length > failures) report.line(await host.diagnosis());
  };
  const reboot = async () => {
    await host.powerOff();
    await host.powerOn();
  };
  await host.powerOn();
  await play((it, to) => bootInOrder(it, to, "first boot"));
  await host.startContainer();
  await play(agentComesAndGoes);
  await play(agentReplacedByFalse);
  await play(deadMan);
  await play(dockerStaysStopped);
  await play(unitOwnsContainer);
  await reboot();
  await play((it, to) => bootInOrder(it, to, "second boot"));
  await play(documentedCommands);
  await play(maskAgent);
  await reboot();
  await play(bootWithoutAgent);
  await host.removeNode();
  await reboot();
  await play(bootWithoutNode);
  await play(packageUpgraded);
  await play(packageRemoved);
  await host.powerOff();
}
