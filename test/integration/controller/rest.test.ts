import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Manner } from "../../controller/server.ts";
import type { AgentProcess, LogLine } from "../../lab/agent.ts";
import { LabController } from "../../lab/controller.ts";
import type { Host } from "../../lab/host.ts";
import { quickContainers, runKolla } from "../../lab/kolla.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { signalProcess } from "../../lab/processes.ts";

let lab: Lab;
let host: Host;
let controller: LabController;
let agent: AgentProcess;
/** One each for the tests: a container that dies again and again is let be. */
const names = Array.from({ length: 8 }, (_, index) => `service_${index}`);
const left = [...names];
const took: Record<string, Record<string, number>> = {};

beforeAll(async () => {
  lab = await createLab({ say: () => undefined });
  host = lab.host;
  controller = await LabController.start(lab);
  await write();
  await host.writeConfig("60-containers.yaml", {
    version: 1,
    containers: { timing: quickContainers, restart: names, budget: 100 },
  });
  agent = host.startAgent();
  await agent.event("net-ready");
  await host.startDocker();
  for (const name of names) await runKolla(host, name, { policy: "no" });
  for (const name of names) await agent.waitFor(isWell(name));
  await agent.event("controller", "connected");
});

afterAll(async () => {
  console.log("in ms, while the controller was:", JSON.stringify(took, undefined, 2));
  await lab.down();
});

async function write(changes = {}): Promise<void> {
  await host.writeConfig("50-host.yaml", host.config({ controller: await controller.configFor(host, changes) }));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return Math.round(performance.now() - begin);
}

/** Somebody takes the management address away, and the agent puts it back. */
async function repaired(): Promise<void> {
  await host.exec(["ip", "address", "del", `${host.address}/24`, "dev", "mgmt0"]);
  const shown = async () => (await host.exec(["ip", "-br", "address", "show", "dev", "mgmt0"])).stdout;
  await expect.poll(shown, { timeout: 30_000, interval: 5 }).toContain(host.address);
}

const isWell = (name: string) => (line: LogLine) =>
  line.event === "container" && line.name === name && line.verdict === "ok";

/** A container that the agent has to start again is killed. */
async function restarted(): Promise<void> {
  const mark = agent.mark();
  const name = left.pop() ?? "";
  const id = await host.docker.processOf(name);
  if (id === undefined) throw new Error(`${name} does not run`);
  signalProcess(id, "SIGKILL");
  const done = agent.waitFor(({ event, result }) => event === "container-action" && result === "done", { from: mark });
  expect((await done).name).toBe(name);
  await agent.waitFor(isWell(name), { from: mark });
}

async function scraped(): Promise<void> {
  const script = `fetch("http://127.0.0.1:9464/metrics").then((answer) => answer.text()).then(console.log)`;
  expect((await host.exec([process.execPath, "-e", script])).stdout).toContain("devcloud_ready 1");
}

async function restIsWell(name: string): Promise<void> {
  took[name] = {
    "address put back": await timed(repaired),
    "container restarted": await timed(restarted),
    "metrics fetched": await timed(scraped),
  };
  expect(agent.ended).toBeUndefined();
}

describe("the rest of the agent", () => {
  it.each<Manner>(["well", "silent", "closing", "garbage", "flooding", "busy"])(
    "mends the network, restarts a container and tells its metrics while the controller is %s",
    async (manner) => {
      const mark = agent.mark();
      await controller.behave(manner);
      if (manner !== "well") await agent.event("controller", "lost", { from: mark });
      await restIsWell(manner);
      await controller.behave("well");
      if (manner !== "well") await agent.event("controller", "connected", { from: mark });
    },
  );

  it.each<[string, string, RegExp]>([
    ["closed", "http://10.1.0.1:9", /the proxy http:..10.1.0.1:9 cannot be used: connect ECONNREFUSED/],
    ["a black hole", "http://10.1.0.250:3128", /no WebSocket within|10.1.0.250/],
  ])("does so while the proxy to the controller is %s", async (name, proxy, words) => {
    const mark = agent.mark();
    await write({ proxy });
    agent.kill("SIGHUP");
    // The next connection goes through the proxy.
    await controller.behave("closing");
    await agent.waitFor(({ event, problem }) => event === "controller" && words.test(JSON.stringify(problem)), {
      from: mark,
    });
    await restIsWell(`behind a proxy that is ${name}`);
  });
});
