import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import { createLab } from "../lab/lab.ts";
import type { Bench } from "./figure.ts";

/** What a restart of the daemon costs on a host whose network is right already, beside a Node that does nothing. */
export const boot: Bench = {
  name: "boot",
  about: "exec to READY with the network already right, and memory then, against node -e 0",
  rounds: 21,
  async run(rounds, tick) {
    await using lab = await createLab();
    await configure(lab);
    const ready: number[] = [];
    const bare: number[] = [];
    const memory: number[] = [];
    const bareMemory: number[] = [];
    const whole: number[] = [];
    for (let round = 0; round < rounds + WARM_UP; round += 1) {
      const ours = await toReady(lab.host);
      const theirs = await bareNode(lab.host);
      tick();
      if (round < WARM_UP) continue;
      ready.push(ours.ms);
      memory.push(ours.rss);
      bare.push(theirs.ms);
      bareMemory.push(theirs.rss);
      if (whole.length < WHOLE) whole.push(await wholeDaemon(lab.host));
    }
    return [
      { figure: "exec to READY", unit: "ms", peer: "node -e 0", goal: 3, ours: ready, theirs: bare },
      { figure: "resident memory at READY", unit: "MiB", peer: "an idle node", ours: memory, theirs: bareMemory },
      {
        figure: "resident memory of the whole daemon",
        unit: "MiB",
        peer: "an idle node",
        ours: whole,
        theirs: bareMemory,
      },
    ];
  },
};

/** Rounds that fill the caches of the machine and of Node (NODE_COMPILE_CACHE, as the unit sets it), and count for nothing. */
const WARM_UP = 2;

/** So many looks at the memory of the whole daemon, each of which takes a second. */
const WHOLE = 3;

/** With all that is loaded after READY: containers, controller, metrics, of which one scrape was answered. */
async function wholeDaemon(host: Host): Promise<number> {
  const agent = host.startAgent();
  await agent.event("net-ready");
  const scrape = ["busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:9464/metrics"];
  const begun = performance.now();
  while ((await host.exec(scrape)).code !== 0) {
    if (performance.now() - begun > 20_000) throw new Error("/metrics did not answer within 20 s");
  }
  const rss = await residentMiB(agent.pid);
  await agent.stop();
  return rss;
}

async function configure(lab: Lab): Promise<void> {
  const agent = lab.host.startAgent();
  await agent.waitFor(({ event }) => event === "net-ready");
  agent.kill("SIGTERM");
  await agent.exited;
}

interface Measured {
  readonly ms: number;
  readonly rss: number;
}

/** The daemon says READY=1 through an inherited descriptor, as with systemd's OpenFile=. */
async function toReady(host: Host): Promise<Measured> {
  const env = {
    ...host.env,
    LISTEN_FDS: "1",
    LISTEN_FDNAMES: "notify",
    NODE_COMPILE_CACHE: `${host.root}/var/cache/compiled`,
  };
  return timed(host.agentCommand("run"), env, (said) => said.includes("READY=1"));
}

/** `node -e 0` until its end; its memory is that of a Node that stays and does nothing. */
async function bareNode(host: Host): Promise<Measured> {
  const { ms } = await timed([...host.enter(), process.execPath, "-e", "0"], host.env, undefined);
  const stay = 'require("fs").writeSync(3, "up"); setInterval(() => {}, 1e6)';
  const { rss } = await timed([...host.enter(), process.execPath, "-e", stay], host.env, (said) => said === "up");
  return { ms, rss };
}

/** Both go through the same shell, which tells the program its own process id as systemd would. */
async function timed(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  done: ((said: string) => boolean) | undefined,
): Promise<Measured> {
  const started = performance.now();
  const child = spawn("sh", ["-c", 'LISTEN_PID=$$ exec "$@"', "sh", ...argv], {
    env,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  if (done === undefined) {
    await exited;
    return { ms: performance.now() - started, rss: Number.NaN };
  }
  const pipe = child.stdio[3];
  const ms = await new Promise<number>((resolve, reject) => {
    let said = "";
    pipe?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (done(said)) resolve(performance.now() - started);
    });
    child.once("exit", (code) => reject(new Error(`${argv.join(" ")} ended with ${code} before it was ready`)));
  });
  const rss = await residentMiB(child.pid ?? 0);
  child.kill("SIGTERM");
  await exited;
  return { ms, rss };
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
