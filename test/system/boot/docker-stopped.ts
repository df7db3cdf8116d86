import { active, facts, show } from "./facts.ts";
import type { BootHost } from "./host.ts";
import type { Machine } from "./machine.ts";
import type { Report } from "./report.ts";

/** Longer than the agent ever waits between two looks at a Docker that is not there. */
const watchedMs = 15_000;

/** docker.socket goes on listening for a Docker that was stopped: whoever connects starts it, in the middle of somebody's work. */
export async function dockerStaysStopped(host: BootHost, report: Report): Promise<void> {
  report.scenario("Docker stopped by an operator, and docker.socket goes on listening for it");
  const { machine } = host;
  const before = await facts(machine);
  const systemctl = (...args: readonly string[]) => machine.must(["systemctl", ...args], { timeoutMs: 120_000 });
  await systemctl("stop", "docker.service");
  const socket = await show(machine, "docker.socket", ["SubState"]);
  report.check("docker.socket listens", socket.SubState === "listening", socket.SubState);
  await says(machine, report, "absent");
  await systemctl("stop", "devcloud-agent");
  const list = await machine.exec(["devcloud-agent", "containers", "list"]);
  const told = list.code === 1 && list.stderr.includes("E_DOCKER_ABSENT");
  report.check("so does containers list, without the daemon", told, list.stderr.trim());
  await systemctl("start", "devcloud-agent");
  await says(machine, report, "absent");
  const woken = await report.eventually(async () => (await dockerIs(machine)) !== "inactive", watchedMs);
  report.check(`Docker stays stopped, watched for ${watchedMs / 1000} s`, !woken, await dockerIs(machine));
  await systemctl("start", "docker.service");
  await says(machine, report, "connected");
  const after = await facts(machine);
  const another = after.dockerd > 0 && after.dockerd !== before.dockerd && after.container > 0;
  report.check("and Docker runs its container again", another, `dockerd ${before.dockerd}, then ${after.dockerd}`);
  report.check("with the agent at work", active(after.agentState), after.agentState);
}

async function says(machine: Machine, report: Report, state: string): Promise<void> {
  let last = "";
  const stateNow = async (): Promise<string> => {
    const { stdout } = await machine.exec(["devcloud-agent", "status", "--json"]);
    const status = stdout === "" ? {} : (JSON.parse(stdout) as { containers?: { docker: { state: string } } });
    return status.containers?.docker.state ?? "no answer";
  };
  const arrived = await report.eventually(async () => {
    last = await stateNow();
    return last === state;
  }, 30_000);
  report.check(`the agent says that Docker is ${state}`, arrived, last);
}

async function dockerIs(machine: Machine): Promise<string> {
  return (await show(machine, "docker.service", ["ActiveState"])).ActiveState;
}
