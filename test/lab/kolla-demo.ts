import type { AgentProcess, LogLine } from "./agent.ts";
import type { Host } from "./host.ts";
import { quickContainers, runKolla } from "./kolla.ts";
import { isAlive, signalProcess } from "./processes.ts";
import { claim, seconds, type Walk } from "./walk.ts";

/** Two steps of the demo: a killed container comes back by its owner, and by the agent where nobody else brings it back. */
export async function containerComesBack(walk: Walk, host: Host, agent: AgentProcess): Promise<void> {
  const containers = { restart: ["fluentd"], timing: quickContainers };
  await walk.step("Kolla's cron is killed: Docker's policy brings it back, and the agent tells it", async () => {
    await host.writeConfig("70-containers.yaml", { version: 1, containers }, "override");
    agent.kill("SIGHUP");
    const appears = agent.mark();
    await runKolla(host, "cron");
    await isFine(agent, "cron", appears);
    const mark = agent.mark();
    const begin = Date.now();
    await killFirstProcess(host, "cron");
    await agent.waitFor((line) => isNews(line, "cron") && line.restarts === 1 && line.verdict === "ok", { from: mark });
    return `its owner brought it back ${seconds(Date.now() - begin)} after the kill`;
  });
  await walk.step("Kolla's fluentd has no owner and is killed: the agent starts it, as configured", async () => {
    const appears = agent.mark();
    await runKolla(host, "fluentd", { policy: "no" });
    await isFine(agent, "fluentd", appears);
    const mark = agent.mark();
    const begin = Date.now();
    await killFirstProcess(host, "fluentd");
    await agent.waitFor(
      ({ event, name, result }) => event === "container-action" && name === "fluentd" && result === "done",
      {
        from: mark,
      },
    );
    await isFine(agent, "fluentd", mark);
    const took = seconds(Date.now() - begin);
    const { stdout } = await host.cli("containers", "why", "fluentd");
    claim(stdout.includes("exit code 137, killed"), "the agent knows how it ended");
    return `it runs again ${took} after the kill; "containers why fluentd" tells how it ended, and its last words`;
  });
}

async function killFirstProcess(host: Host, name: string): Promise<void> {
  const id = await host.docker.processOf(name);
  claim(id !== undefined && isAlive(id), `${name} runs`);
  signalProcess(id, "SIGKILL");
}

async function isFine(agent: AgentProcess, name: string, from: number): Promise<void> {
  await agent.waitFor((line) => isNews(line, name) && line.verdict === "ok", { from });
}

function isNews({ event, name }: LogLine, container: string): boolean {
  return event === "container" && name === container;
}
