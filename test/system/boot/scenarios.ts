import { active, type Facts, facts, seconds, show, stamps } from "./facts.ts";
import { type BootHost, cutOff, holdSeconds, rescueSeconds, watchdogSeconds } from "./host.ts";
import type { Report } from "./report.ts";

const units = ["ovs-vswitchd", "devcloud-agent", "devcloud-agent-rescue", "devcloud-wait-online", "docker"];

/** The journal's lines of the units that matter, with systemd's monotonic stamps. */
async function printJournal(host: BootHost, report: Report): Promise<void> {
  const unitArgs = units.flatMap((unit) => ["-u", `${unit}.service`]);
  const text = await host.machine.must(["journalctl", "-b", "--no-pager", "-o", "short-monotonic", ...unitArgs]);
  const telling =
    /: (Starting|Started|Finished|Failed|Stopping|Stopped|devcloud-\S+: (Main|Failed|Watchdog)|docker-gate|rescue)/;
  const seen = new Map<string, number>();
  for (const line of text.split("\n")) {
    const words = line.replace(/^\S*\s*[\d.]+\] /, "").replace(/\[\d+\]/, "");
    const times = (seen.get(words) ?? 0) + 1;
    seen.set(words, times);
    // An agent without Node tries again every two seconds.
    if (telling.test(line) && times <= 2) report.line(`    ${line.slice(0, 150)}`);
  }
}

async function hasFile(host: BootHost, path: string): Promise<boolean> {
  return (await host.machine.exec(["test", "-e", path])).code === 0;
}

/** Open vSwitch, then READY, then Docker, and the management address answers from outside. */
export async function bootInOrder(host: BootHost, report: Report, title: string): Promise<void> {
  report.scenario(title);
  const result = await host.machine.booted();
  await printJournal(host, report);
  const { ovs, agentExec, agentReady, dockerExec } = await stamps(host.machine);
  report.line(
    `  stamps: Open vSwitch ${seconds(ovs)}, agent READY ${seconds(agentReady)}, dockerd ${seconds(dockerExec)}`,
  );
  report.line(`  the agent took ${seconds(agentReady - agentExec)} from exec to READY`);
  report.check("systemd has started everything", result === "running", result);
  report.check("Open vSwitch, then READY, then Docker", 0 < ovs && ovs < agentReady && agentReady < dockerExec);
  report.check("net-ready is there", await hasFile(host, "/run/devcloud-agent/net-ready"));
  report.check(`${host.address} answers the gateway`, await host.answers());
  const passed = await host.machine.exec(["cat", "/run/devcloud-agent/docker-gate-passed"]);
  report.check("Docker's gate let it pass for the flag", passed.stdout.includes("stands"), passed.stdout.trim());
}

/** `act` must leave dockerd and the container alone; `after` says when the agent is where it should be. */
async function leavesDockerAlone(
  host: BootHost,
  report: Report,
  title: string,
  act: () => Promise<unknown>,
  after: (before: Facts, now: Facts) => boolean,
): Promise<void> {
  report.scenario(title);
  const before = await facts(host.machine);
  await act();
  const arrived = await report.eventually(async () => after(before, await facts(host.machine)), 60_000);
  const now = await facts(host.machine);
  report.line(
    `  agent: PID ${before.agent} ${before.agentState} -> PID ${now.agent} ${now.agentState}, restarts ${now.restarts}`,
  );
  report.check("the agent is where it should be", arrived);
  const pids = (of: Facts): string => `dockerd ${of.dockerd}, container ${of.container}`;
  const same =
    before.dockerd === now.dockerd &&
    before.container === now.container &&
    before.containerStarted === now.containerStarted &&
    now.dockerd > 0 &&
    now.container > 0;
  report.check("dockerd and the container are the same processes", same, `before ${pids(before)}; after ${pids(now)}`);
  report.check(`${host.address} answers the gateway`, await host.answers());
}

export async function agentComesAndGoes(host: BootHost, report: Report): Promise<void> {
  const { machine } = host;
  const systemctl = (...args: readonly string[]) => machine.must(["systemctl", ...args], { timeoutMs: 120_000 });
  const another = (before: Facts, now: Facts) => active(now.agentState) && now.agent !== before.agent;
  await leavesDockerAlone(host, report, "agent restarted", () => systemctl("restart", "devcloud-agent"), another);
  const kill = (signal: string) => systemctl("kill", "--kill-who=main", `--signal=${signal}`, "devcloud-agent");
  await leavesDockerAlone(host, report, "agent killed by SIGKILL", () => kill("SIGKILL"), another);
  const same = (before: Facts, now: Facts) => active(now.agentState) && now.agent === before.agent;
  await leavesDockerAlone(host, report, "agent reloaded", () => systemctl("reload", "devcloud-agent"), same);
  const hung = `agent hung (SIGSTOP), watchdog ${watchdogSeconds} s`;
  await leavesDockerAlone(host, report, hung, () => kill("SIGSTOP"), another);
  const watchdog = await machine.must(["journalctl", "-b", "--no-pager", "-u", "devcloud-agent.service"]);
  report.check("systemd's watchdog ended it", watchdog.includes("Watchdog timeout"));
  const off = (_: Facts, now: Facts) => now.agentState.startsWith("inactive");
  await leavesDockerAlone(host, report, "agent stopped", () => systemctl("stop", "devcloud-agent"), off);
  await leavesDockerAlone(host, report, "agent started again", () => systemctl("start", "devcloud-agent"), another);
}

/** An upgrade that went wrong: the program is there and always fails. */
export async function agentReplacedByFalse(host: BootHost, report: Report): Promise<void> {
  const replace = async (): Promise<void> => {
    await host.breakAgent(true);
    await host.machine.must(["systemctl", "--no-block", "restart", "devcloud-agent"]);
  };
  const failing = (before: Facts, now: Facts) => now.restarts >= before.restarts + 3 && !active(now.agentState);
  await leavesDockerAlone(host, report, "agent replaced by /bin/false", replace, failing);
  const back = (_: Facts, now: Facts) => active(now.agentState);
  await leavesDockerAlone(host, report, "agent's program put back", () => host.breakAgent(false), back);
}

/** A change that cuts the host off, and no agent left to see it: systemd's timer takes it back. */
export async function deadMan(host: BootHost, report: Report): Promise<void> {
  const title = "a change that cuts the host off, and the agent killed for good: the timer takes it back";
  const { machine } = host;
  const cut = async (): Promise<void> => {
    await host.overlay(cutOff);
    await host.breakAgent(true);
    await machine.must(["systemctl", "reload", "devcloud-agent"]);
    report.check("the host is cut off", await report.eventually(async () => !(await host.answers()), 15_000));
    await machine.must(["systemctl", "kill", "--kill-who=main", "--signal=SIGKILL", "devcloud-agent"]);
    report.check("a change is pending", await hasFile(host, "/var/lib/devcloud-agent/network/pending.json"));
    const timer = await show(machine, "devcloud-agent-rollback.timer", ["ActiveState"]);
    report.check("the timer is armed", timer.ActiveState === "active", timer.ActiveState);
    report.check(`${host.address} answers the gateway again`, await report.eventually(() => host.answers(), 30_000));
  };
  const crashing = (_: Facts, now: Facts) => !active(now.agentState);
  await leavesDockerAlone(host, report, title, cut, crashing);
  const journal = await machine.must(["journalctl", "-b", "--no-pager", "-u", "devcloud-agent-rollback.service"]);
  for (const line of journal.split("\n")) report.line(`    ${line.slice(0, 150)}`);
  report.check("devcloud-agent-rollback.service did it", journal.includes("taken back"));
  await host.overlay(undefined);
  const back = (_: Facts, now: Facts) => active(now.agentState);
  await leavesDockerAlone(host, report, "agent's program put back", () => host.breakAgent(false), back);
}

/** A fresh boot on which Node is gone: the rescue brings the address back, the gate's rule brings Docker up. */
export async function bootWithoutNode(host: BootHost, report: Report): Promise<void> {
  report.scenario(
    `boot without Node (rescue after ${rescueSeconds} s instead of 120 s, gate holds ${holdSeconds} s instead of 600 s)`,
  );
  const { machine } = host;
  report.check("there is no node", (await machine.exec(["sh", "-c", "command -v node"])).code !== 0);
  for (const path of ["network/last-good.json", "rescue.sh", "docker-gate.env"]) {
    report.check(`/var/lib/devcloud-agent/${path} is there`, await hasFile(host, `/var/lib/devcloud-agent/${path}`));
  }
  const rescued = await report.eventually(() => host.answers(), (rescueSeconds + 20) * 1000);
  report.check(`${host.address} answers the gateway`, rescued);
  await machine.booted();
  const docker = await show(machine, "docker.service", ["ActiveState", "ExecMainStartTimestampMonotonic"]);
  await printJournal(host, report);
  const { ovs, agentReady, dockerExec } = await stamps(machine);
  report.line(
    `  stamps: Open vSwitch ${seconds(ovs)}, agent READY ${agentReady === 0 ? "never" : seconds(agentReady)}, dockerd ${seconds(dockerExec)}`,
  );
  report.check("the agent never was READY", agentReady === 0);
  report.check("Docker is up", docker.ActiveState === "active", docker.ActiveState);
  const passed = await machine.exec(["cat", "/run/devcloud-agent/docker-gate-passed"]);
  report.check("by the gate's rule", passed.stdout.includes(`after ${holdSeconds} s`), passed.stdout.trim());
  report.check("and not before its time", dockerExec - ovs >= (holdSeconds - 1) * 1e6, seconds(dockerExec - ovs));
  report.check(`${host.address} still answers the gateway`, await host.answers());
  const before = await facts(machine);
  await host.restoreNode();
  const back = await report.eventually(async () => active((await facts(machine)).agentState), 60_000);
  const now = await facts(machine);
  report.check("with Node back, the agent comes back by itself", back, now.agentState);
  report.check("and Docker stays as it is", before.dockerd === now.dockerd && before.container === now.container);
  report.check(
    "net-ready is there",
    await report.eventually(() => hasFile(host, "/run/devcloud-agent/net-ready"), 30_000),
  );
  report.check(`${host.address} still answers the gateway`, await host.answers());
}

/** The units that operations.md names for a host whose image has the package. */
const keptOff = ["devcloud-agent.service", "devcloud-agent-rescue.service", "devcloud-wait-online.service"];

export async function maskAgent({ machine }: BootHost): Promise<void> {
  await machine.must(["systemctl", "mask", "--now", ...keptOff]);
  await machine.must(["touch", "/etc/devcloud-agent/docker-ungated"]);
}

/** The agent was kept off before this boot. */
export async function bootWithoutAgent(host: BootHost, report: Report): Promise<void> {
  report.scenario("boot with the agent kept off: nothing starts it, and nothing waits for it");
  const { machine } = host;
  report.line(`  systemd says ${await machine.booted()}`);
  const passed = await machine.exec(["cat", "/run/devcloud-agent/docker-gate-passed"]);
  report.check("Docker's gate let it pass at once", passed.stdout.includes("docker-ungated"), passed.stdout.trim());
  const off = async (when: string): Promise<void> => {
    const { agentState, dockerd, container } = await facts(machine);
    report.check(`${when} the agent is off`, agentState === "inactive (dead)", agentState);
    report.check(`${when} Docker and its container run`, dockerd > 0 && container > 0);
  };
  await off("after the boot");
  // Whatever starts the agent, or the rescue that does: other units, and the timers when their time has come.
  await machine.must(["systemctl", "restart", "docker.service"], { timeoutMs: 120_000 });
  await machine.must(["systemctl", "start", "network-online.target"]);
  for (const timer of ["devcloud-agent-rescue.timer", "devcloud-agent-rescue-late.timer"]) {
    const started = await machine.exec(["systemctl", "start", timer]);
    report.check(`${timer} has nothing to start`, started.code !== 0, started.stderr.trim());
  }
  const rescue = await machine.exec(["systemctl", "start", "devcloud-agent-rescue.service"]);
  report.check("the rescue is not started", rescue.code !== 0 && /masked/.test(rescue.stderr), rescue.stderr.trim());
  await off("after all of that");
  report.check("nobody took the network up", !(await hasFile(host, "/run/devcloud-agent/net-ready")));
  await machine.must(["systemctl", "unmask", ...keptOff]);
  await machine.must(["rm", "/etc/devcloud-agent/docker-ungated"]);
  await machine.must(["systemctl", "start", "devcloud-agent.service"], { timeoutMs: 120_000 });
  report.check(`${host.address} answers the gateway again`, await report.eventually(() => host.answers(), 30_000));
}

export async function packageUpgraded(host: BootHost, report: Report): Promise<void> {
  const another = (before: Facts, now: Facts) => active(now.agentState) && now.agent !== before.agent;
  await leavesDockerAlone(host, report, "package upgraded", () => host.upgrade(), another);
}

/** Whoever takes the package off a host that a change has just cut off would take the way back along. */
export async function packageRemoved(host: BootHost, report: Report): Promise<void> {
  const title = "package removed while a change is pending that cuts the host off: it is taken back before";
  const { machine } = host;
  const cut = async (): Promise<void> => {
    // Another one than that which was rolled back before and is not tried again.
    await host.overlay({ ...cutOff, host: { name: "renamed" } });
    await machine.must(["systemctl", "reload", "devcloud-agent"]);
    report.check("the host is cut off", await report.eventually(async () => !(await host.answers()), 15_000));
    report.check("a change is pending", await hasFile(host, "/var/lib/devcloud-agent/network/pending.json"));
    report.line(`  rpm said: ${(await host.remove()).trim() || "nothing"}`);
    report.check("no change is pending", !(await hasFile(host, "/var/lib/devcloud-agent/network/pending.json")));
  };
  const gone = (_: Facts, now: Facts) => now.agentState.startsWith("inactive");
  await leavesDockerAlone(host, report, title, cut, gone);
  const left = await machine.must(["systemctl", "list-units", "--all", "--plain", "--no-legend", "devcloud-*"]);
  report.check("no unit of it is left", left === "", left);
  report.check("no program of it is left", !(await hasFile(host, "/usr/bin/devcloud-agent")));
  const timer = "/run/systemd/system/devcloud-agent-rollback.timer.d";
  report.check("no deadline is left", !(await hasFile(host, timer)));
  report.check("the configuration is left", await hasFile(host, "/etc/devcloud-agent/config.d/50-host.yaml"));
}
