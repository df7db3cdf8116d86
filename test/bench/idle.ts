import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { createLab } from "../lab/lab.ts";
import type { Bench } from "./figure.ts";

const WINDOW_S = 120;
const TICKS_PER_SECOND = 100;

/** The processor time of an agent with nothing to do, with its children, extrapolated to an hour. */
export const idle: Bench = {
  name: "idle",
  about: `processor seconds an hour of an idle agent, from ${WINDOW_S} s, without and with the watch of the uplinks`,
  rounds: 1,
  seconds: WINDOW_S,
  async run(rounds, tick, seconds) {
    await using lab = await createLab({ hosts: 2 });
    const [quiet, watching] = lab.hosts;
    if (quiet === undefined || watching === undefined) throw new Error("the lab has two hosts");
    const agents = [await started(quiet, "off"), await started(watching, "alert")];
    const without: number[] = [];
    const whole: number[] = [];
    const vswitchd: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const pids = [...agents, await vswitchdOf(watching)];
      const before = await Promise.all(pids.map(secondsOf));
      await sleep(seconds * 1000);
      const after = await Promise.all(pids.map(secondsOf));
      const [a = 0, b = 0, c = 0] = after.map((used, at) => ((used - (before[at] ?? 0)) * 3600) / seconds);
      without.push(a);
      whole.push(b);
      vswitchd.push(c);
      tick();
    }
    return [
      { figure: "idle", unit: "s/h", peer: "ovs-vswitchd", most: 10, ours: without, theirs: vswitchd },
      {
        figure: "probing",
        unit: "s/h",
        peer: "ovs-vswitchd",
        ours: whole.map((used, at) => used - (without[at] ?? 0)),
        theirs: vswitchd,
      },
    ];
  },
};

/** The shipped durations: those of the lab are for tests that want things to happen soon. */
const shipped = { timing: null, network: {} };

async function started(host: Host, gray: "off" | "alert"): Promise<number> {
  await host.writeConfig("60-bench.yaml", { ...shipped, version: 1, network: { gray_failure: gray } }, "override");
  const agent = host.startAgent();
  await agent.event("change", "confirmed");
  await agent.event("net-ready");
  // What it loads after READY is no idling.
  await sleep(10_000);
  return agent.pid;
}

async function vswitchdOf(host: Host): Promise<number> {
  return Number(await readFile(`${host.env.OVS_RUNDIR}/ovs-vswitchd.pid`, "utf8"));
}

/** Processor seconds of a process, of its living descendants, and of those that it has seen end. */
async function secondsOf(pid: number): Promise<number> {
  const all = await Promise.all(
    (await readdir("/proc"))
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .map(statOf),
  );
  const known = all.filter((entry) => entry !== undefined);
  const family = new Set([pid]);
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const entry of known) if (family.has(entry.parent)) family.add(entry.pid);
  }
  return known.filter((entry) => family.has(entry.pid)).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

async function statOf(pid: number): Promise<{ pid: number; parent: number; ticks: number } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const fields = text
    ?.slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  if (fields === undefined) return undefined;
  // proc(5): utime, stime, and of children that were waited for cutime, cstime.
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
  return { pid, parent: fields[1] ?? 0, ticks: utime + stime + cutime + cstime };
}
