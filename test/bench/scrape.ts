import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NodeExporter } from "../lab/node-exporter.ts";
import type { Bench } from "./figure.ts";

/** What a scrape of the host's collectors costs, beside node_exporter with the same collectors on the same machine. */
export const scrape: Bench = {
  name: "scrape",
  about: "a scrape of the host's metrics over HTTP: processor time and latency, against Debian's node_exporter",
  rounds: 15,
  async run(rounds, tick) {
    using exporter = await NodeExporter.start();
    using ours = await Ours.start();
    const series = { cpu: pair(), wall: pair(), memory: pair() };
    for (let round = 0; round < rounds + WARM_UP; round += 1) {
      const mine = await burst(ours);
      const theirs = await burst(exporter);
      tick();
      if (round < WARM_UP) continue;
      for (const figure of ["cpu", "wall", "memory"] as const) {
        series[figure].ours.push(mine[figure]);
        series[figure].theirs.push(theirs[figure]);
      }
    }
    const peer = "node_exporter";
    return [
      { figure: "processor time of a scrape", unit: "ms", peer, goal: 1, ...series.cpu },
      { figure: "latency of a scrape", unit: "ms", peer, ...series.wall },
      { figure: "resident memory", unit: "MiB", peer, ...series.memory },
    ];
  },
};

/** So many scrapes are one measurement: the kernel counts processor time in hundredths of a second. */
const BURST = 50;
const WARM_UP = 2;
const TICK_MS = 10;

const pair = (): { readonly ours: number[]; readonly theirs: number[] } => ({ ours: [], theirs: [] });

interface Served {
  readonly pid: number;
  readonly url: string;
}

async function burst({ pid, url }: Served) {
  const before = await processorMs(pid);
  const started = performance.now();
  for (let count = 0; count < BURST; count += 1) await (await fetch(url)).text();
  const wall = (performance.now() - started) / BURST;
  const cpu = ((await processorMs(pid)) - before) / BURST;
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return { wall, cpu, memory: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024 };
}

/** User and system time of a process (proc_pid_stat(5)); what stands in parentheses may contain spaces. */
async function processorMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The agent's collectors and server in a process of their own, without the rest of the daemon. */
class Ours implements Disposable, Served {
  readonly pid: number;
  readonly url: string;
  readonly #kill: () => void;

  private constructor(pid: number, url: string, kill: () => void) {
    this.pid = pid;
    this.url = url;
    this.#kill = kill;
  }

  static async start(): Promise<Ours> {
    const program = fileURLToPath(import.meta.resolve("./scraped.ts"));
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const kill = (): void => void child.kill("SIGKILL");
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
    });
    return new Ours(child.pid ?? 0, url, kill);
  }

  [Symbol.dispose](): void {
    this.#kill();
  }
}
