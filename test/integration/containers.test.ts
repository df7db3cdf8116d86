import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { defaultContainers } from "../../agent/config/timing.ts";
import { apply, type Step } from "../../agent/containers/apply.ts";
import { look } from "../../agent/containers/observe.ts";
import type { ContainersPorts } from "../../agent/containers/ports.ts";
import type { ContainerStatus } from "../../agent/containers/status.ts";
import { containersPorts } from "../../agent/containers-loop.ts";
import { placesUnder } from "../../agent/system/places.ts";
import type { AgentProcess, LogLine } from "../lab/agent.ts";
import type { ConfigMap } from "../lab/config.ts";
import type { Host } from "../lab/host.ts";
import { kollaConfig, quickContainers, runKolla } from "../lab/kolla.ts";
import { createLab, type Lab } from "../lab/lab.ts";
import { isAlive, signalProcess } from "../lab/processes.ts";

const timing = defaultContainers.timing;
const signal = AbortSignal.timeout(300_000);

async function withLab(containers: ConfigMap): Promise<Lab> {
  const lab = await createLab({ say: () => undefined });
  await lab.host.writeConfig("60-containers.yaml", {
    version: 1,
    containers: { timing: quickContainers, ...containers },
  });
  return lab;
}

async function list(host: Host): Promise<readonly ContainerStatus[]> {
  const { stdout } = await host.cli("containers", "list", "--all", "--json");
  return (JSON.parse(stdout) as { list: readonly ContainerStatus[] }).list;
}

async function statusOf(host: Host, name: string): Promise<ContainerStatus | undefined> {
  return (await list(host)).find((each) => each.name === name);
}

async function kill(host: Host, name: string): Promise<void> {
  const id = await host.docker.processOf(name);
  if (id === undefined) throw new Error(`${name} does not run`);
  signalProcess(id, "SIGKILL");
}

const about = (name: string, fits: (line: LogLine) => boolean) => (line: LogLine) =>
  line.event === "container" && line.name === name && fits(line);

/** Waits until the agent says a verdict of a container, from `from` on. */
async function says(agent: AgentProcess, name: string, verdict: string, reason: string, from = 0): Promise<LogLine> {
  return await agent.waitFor(
    about(name, (line) => line.verdict === verdict && line.reason === reason),
    { from },
  );
}

async function acted(agent: AgentProcess, name: string, result: string, from: number): Promise<LogLine> {
  return await agent.waitFor(
    (line) => line.event === "container-action" && line.name === name && line.result === result,
    { from },
  );
}

async function exists(file: string): Promise<boolean> {
  return await readFile(file).then(
    () => true,
    () => false,
  );
}

describe("Docker that comes and goes", () => {
  let lab: Lab;
  let agent: AgentProcess;
  beforeAll(async () => {
    lab = await withLab({ default: "observe" });
    agent = lab.host.startAgent();
    await agent.event("net-ready");
  });
  afterAll(async () => lab.down());

  /** Somebody takes the management address away: how long until the network capability has put it back. */
  async function repair(): Promise<number> {
    const begin = performance.now();
    await lab.host.exec(["ip", "address", "del", `${lab.host.address}/24`, "dev", "mgmt0"]);
    const shown = async (): Promise<string> =>
      (await lab.host.exec(["ip", "-br", "address", "show", "dev", "mgmt0"])).stdout;
    await expect.poll(shown, { timeout: 30_000, interval: 5 }).toContain(lab.host.address);
    return Math.round(performance.now() - begin);
  }

  async function docker(state: string, from: number): Promise<LogLine> {
    return await agent.waitFor((line) => line.event === "docker" && line.state === state, { from });
  }

  test("is absent at the agent's start, started, stopped, restarted and frozen, and the network does not care", async () => {
    const { host } = lab;
    const repaired: Record<string, number> = {};
    await docker("absent", 0);
    repaired.absent = await repair();
    await host.startDocker();
    await docker("connected", 0);
    await runKolla(host, "cron");
    await says(agent, "cron", "ok", "running");
    repaired.running = await repair();

    let mark = agent.mark();
    await host.stopDocker();
    await agent.waitFor((line) => line.event === "docker" && line.state !== "connected", { from: mark });
    repaired.stopped = await repair();
    expect((await host.cli("status")).stdout).toContain("Docker is");

    mark = agent.mark();
    await host.startDocker();
    await docker("connected", mark);
    repaired.restarted = await repair();

    mark = agent.mark();
    host.docker.pause();
    const frozen = await docker("unreachable", mark);
    expect(frozen.reason).toContain("did not answer");
    repaired.frozen = await repair();
    // What was seen last is still there to be read, and says how old it is.
    expect((await statusOf(host, "cron"))?.name).toBe("cron");
    mark = agent.mark();
    host.docker.resume();
    await docker("connected", mark);
    repaired.resumed = await repair();

    expect(agent.ended).toBeUndefined();
    console.log("address put back, in ms, while Docker was:", JSON.stringify(repaired));
  });
});

describe("a container of Kolla's", () => {
  let lab: Lab;
  let host: Host;
  let agent: AgentProcess;
  beforeAll(async () => {
    lab = await withLab({ restart: ["fluentd", "kolla_toolbox", "cron", "openvswitch_db", "unlucky"] });
    host = lab.host;
    agent = host.startAgent();
    await agent.event("net-ready");
    await host.startDocker();
    await agent.waitFor((line) => line.event === "docker" && line.state === "connected");
  });
  afterAll(async () => lab.down());

  async function start(name: string, options: Parameters<typeof runKolla>[2] = {}): Promise<string> {
    const mark = agent.mark();
    onTestFinished(async () => void (await host.docker.cli("rm", "-f", name)));
    const id = await runKolla(host, name, options);
    await agent.waitFor(
      about(name, () => true),
      { from: mark },
    );
    return id;
  }

  test("is known by its environment, labels and mounts, and its configuration can be checked inside", async () => {
    const mark = agent.mark();
    await start("nova_compute");
    await agent.waitFor(
      about("nova_compute", ({ state }) => state === "running"),
      { from: mark },
    );
    const found = await statusOf(host, "nova_compute");
    expect(found).toMatchObject({
      state: "running",
      kind: "careful",
      mode: "observe",
      origin: "adopted",
      owner: { kind: "policy", name: "unless-stopped" },
    });
    const check = ["exec", "nova_compute", "kolla_set_configs", "--check"] as const;
    expect((await host.docker.cli(...check)).code).toBe(0);
    await writeFile(join(kollaConfig(host, "nova_compute"), "nova.conf"), "[DEFAULT]\n");
    expect((await host.docker.cli(...check)).code).toBe(1);
  });

  test("that is killed is brought back by Docker's policy, and the agent only tells it", async () => {
    const id = await start("cron");
    const mark = agent.mark();
    await kill(host, "cron");
    await agent.waitFor(
      about("cron", (line) => line.restarts === 1 && line.verdict === "ok"),
      { from: mark },
    );
    expect(agent.lines.slice(mark).filter(({ event }) => event === "container-action")).toEqual([]);
    expect((await statusOf(host, "cron"))?.id).toBe(id);
  });

  test("that is killed and has no owner is started by the agent, which writes down why", async () => {
    await start("fluentd", {
      policy: "no",
      command: "echo its last words; trap 'exit 143' TERM; while :; do sleep 9 & wait; done",
    });
    const mark = agent.mark();
    await kill(host, "fluentd");
    await acted(agent, "fluentd", "done", mark);
    await says(agent, "fluentd", "ok", "running", mark);
    const journal = await readFile(`${host.root}/var/lib/devcloud-agent/containers/journal.ndjson`, "utf8");
    const entries = journal
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries.filter(({ name }) => name === "fluentd")).toMatchObject([
      {
        kind: "intent",
        action: "start",
        cause: "exited",
        exit: { code: 137, class: "killed" },
        log: ["its last words"],
      },
      { kind: "result", result: "done" },
    ]);
  });

  test("that is killed and only observed stays down, and the agent says so", async () => {
    await start("keystone", { policy: "no" });
    const mark = agent.mark();
    await kill(host, "keystone");
    await says(agent, "keystone", "alert", "observed", mark);
    const done = await host.cli("containers", "list");
    expect(done.code).toBe(1);
    expect(done.stderr).toContain("E_CONTAINER_ALERT");
    expect((await statusOf(host, "keystone"))?.state).toBe("exited");
  });

  test("that somebody stopped stays stopped, also when the agent is another process by then", async () => {
    await start("fluentd", { policy: "no" });
    const mark = agent.mark();
    await host.docker.cli("stop", "fluentd");
    await says(agent, "fluentd", "hold", "stopped-by-operator", mark);
    await agent.stop("SIGKILL");
    agent = host.startAgent();
    await says(agent, "fluentd", "hold", "stopped-by-operator");
    expect((await statusOf(host, "fluentd"))?.state).toBe("exited");
  });

  test("is told by the class of its exit", async () => {
    const wanted = { "exit 0": "clean", "exit 2": "failed", "exit 127": "not-started", "exit 139": "signal" };
    for (const [command, exitClass] of Object.entries(wanted)) {
      const mark = agent.mark();
      await runKolla(host, "glance_api", { policy: "no", command });
      await agent.waitFor(
        about("glance_api", (line) => line.exitClass === exitClass),
        { from: mark },
      );
      await host.docker.cli("rm", "-f", "glance_api");
    }
  });

  test("that is unhealthy for long is restarted by the agent", async () => {
    await start("kolla_toolbox", {
      health: "[ ! -e /tmp/sick ]",
      command: "mkdir -p /tmp; rm -f /tmp/sick; trap 'exit 143' TERM; while :; do sleep 9 & wait; done",
    });
    await says(agent, "kolla_toolbox", "ok", "healthy");
    const mark = agent.mark();
    await host.docker.cli("exec", "kolla_toolbox", "touch", "/tmp/sick");
    await says(agent, "kolla_toolbox", "wait", "unhealthy-recent", mark);
    const begun = await acted(agent, "kolla_toolbox", "pending", mark);
    expect(begun).toMatchObject({ action: "restart", cause: "unhealthy" });
    await acted(agent, "kolla_toolbox", "done", mark);
    await says(agent, "kolla_toolbox", "ok", "healthy", mark);
  });

  test("whose configuration was changed is not restarted: that would apply it", async () => {
    await start("fluentd", { policy: "no" });
    await writeFile(join(kollaConfig(host, "fluentd"), "td-agent.conf"), "<match>\n");
    const mark = agent.mark();
    await kill(host, "fluentd");
    await says(agent, "fluentd", "hold", "pending-config", mark);
    expect((await statusOf(host, "fluentd"))?.state).toBe("exited");
  });

  test("that dies again and again is restarted with pauses", async () => {
    await start("unlucky", { policy: "no", command: "exit 1" });
    const mark = agent.mark();
    await says(agent, "unlucky", "wait", "backoff", mark);
    const why = async (): Promise<string> => (await host.cli("containers", "why", "unlucky")).stdout;
    await expect.poll(why, { timeout: 30_000 }).toContain("attempt 2");
  });

  test("called openvswitch_db raises a critical alert and is not touched, whatever is configured", async () => {
    const id = await start("openvswitch_db");
    await says(agent, "openvswitch_db", "alert", "openvswitch-running");
    const before = await host.docker.processOf("openvswitch_db");
    const status = JSON.parse((await host.cli("status", "--json")).stdout) as {
      containers: { problems: readonly { code: string }[] };
    };
    expect(status.containers.problems[0]?.code).toBe("E_CONTAINER_OPENVSWITCH");
    expect(before && isAlive(before)).toBe(true);
    const mark = agent.mark();
    await host.docker.cli("stop", "openvswitch_db");
    await says(agent, "openvswitch_db", "alert", "openvswitch-leftover", mark);
    expect((await statusOf(host, "openvswitch_db"))?.id).toBe(id);
    expect(agent.lines.filter(({ event, name }) => event === "container-action" && name === "openvswitch_db")).toEqual(
      [],
    );
  });

  test("is listed from Docker itself where the daemon does not run, and nothing is done to it", async () => {
    await start("fluentd", { policy: "no" });
    await agent.stop();
    onTestFinished(async () => {
      agent = host.startAgent();
      await agent.event("net-ready");
    });
    await kill(host, "fluentd");
    await expect.poll(async () => (await statusOf(host, "fluentd"))?.state, { timeout: 30_000 }).toBe("exited");
    const done = await host.cli("containers", "list", "--json");
    expect(JSON.parse(done.stdout)).toMatchObject({ schema: "devcloud-agent/containers-list/v1", source: "docker" });
    const why = await host.cli("containers", "why", "fluentd", "--json");
    expect(JSON.parse(why.stdout)).toMatchObject({ schema: "devcloud-agent/containers-why/v1", reason: "stop-unseen" });
    const nobody = await host.cli("containers", "why", "nobody");
    expect(nobody.code).toBe(2);
    expect(nobody.stderr).toContain("there is no container nobody");
    const slip = await host.cli("containers", "why", "fluendt");
    expect(slip.code).toBe(2);
    expect(slip.stderr).toContain('Did you mean "fluentd"?');
    expect((await statusOf(host, "fluentd"))?.state).toBe("exited");
  });
});

describe("a restart by the agent", () => {
  let lab: Lab;
  let ports: ContainersPorts;
  beforeAll(async () => {
    lab = await withLab({});
    await lab.host.startDocker();
    ports = containersPorts({
      places: placesUnder(lab.host.root),
      settings: () => undefined,
      report: () => undefined,
      onLoop: () => undefined,
    });
  });
  afterAll(async () => lab.down());

  async function stepFor(name: string, kind: Step["kind"]): Promise<Step> {
    const { names } = await ports.docker.list(signal);
    const id = [...names].find(([, each]) => each === name)?.[0] ?? "";
    const container = await look(ports, id, signal);
    if (container === undefined) throw new Error(`${name} is gone`);
    return { kind, name, container, why: "exited", attempt: 1, pauseMs: 0 };
  }
  const yes = async (): Promise<boolean> => true;

  test("is not done to a container that was removed and made anew meanwhile", async () => {
    await runKolla(lab.host, "cron", { policy: "no", command: "exit 1" });
    await lab.host.docker.cli("wait", "cron");
    const step = await stepFor("cron", "start");
    await lab.host.docker.cli("rm", "-f", "cron");
    const id = await runKolla(lab.host, "cron", { policy: "no", command: "exit 3" });
    await lab.host.docker.cli("wait", "cron");
    expect(await apply(ports, step, timing, yes, signal)).toEqual({
      result: "skipped",
      detail: "it was removed meanwhile",
    });
    expect((await ports.docker.inspect(id, signal))?.exitCode).toBe(3);
  });

  test("is not done to a container that somebody started meanwhile", async () => {
    await runKolla(lab.host, "nova_ssh", { policy: "no" });
    await lab.host.docker.cli("stop", "nova_ssh");
    const step = await stepFor("nova_ssh", "start");
    await lab.host.docker.cli("start", "nova_ssh");
    const process = await lab.host.docker.processOf("nova_ssh");
    expect((await apply(ports, step, timing, yes, signal)).result).toBe("skipped");
    expect(process && isAlive(process)).toBe(true);
  });

  test("that meets a stop in flight does not count as done, although Docker says so", async () => {
    // Ignores SIGTERM: the stop takes as long as Docker gives it.
    await runKolla(lab.host, "iscsid", { policy: "no", command: "trap '' TERM; while :; do sleep 1; done" });
    const step = await stepFor("iscsid", "start");
    const stopping = lab.host.docker.cli("stop", "--time", "4", "iscsid");
    const quick = { ...timing, callTimeoutMs: 1_000 };
    expect(await apply(ports, step, quick, yes, signal)).toMatchObject({ result: "failed" });
    await stopping;
    expect((await ports.docker.inspect(step.container.id, signal))?.state).toBe("exited");
  });

  test("of something that cannot start fails, and says why", async () => {
    await runKolla(lab.host, "fluentd", { policy: "no" });
    await lab.host.docker.cli("stop", "fluentd");
    const step = await stepFor("fluentd", "start");
    expect(await exists(join(kollaConfig(lab.host, "fluentd"), "config.json"))).toBe(true);
    const broken: Step = { ...step, kind: "restart-unit", unit: "kolla-fluentd-container.service" };
    const done = await apply(ports, broken, { ...timing, actionTimeoutMs: 1_000 }, yes, signal);
    expect(done.result).toBe("failed");
  });
});
