import type { Machine } from "./machine.ts";

/** What systemd and Docker say at one moment; all times are microseconds since the machine booted. */
export interface Facts {
  readonly dockerd: number;
  readonly container: number;
  readonly containerStarted: string;
  readonly agent: number;
  readonly agentState: string;
  readonly restarts: number;
}

export interface Stamps {
  readonly ovs: number;
  /** Of the attempt that is now running. */
  readonly agentExec: number;
  readonly agentReady: number;
  readonly dockerExec: number;
}

/** Properties of a unit as `systemctl show` prints them. */
export async function show<P extends string>(
  machine: Machine,
  unit: string,
  properties: readonly P[],
): Promise<Record<P, string>> {
  const text = await machine.must(["systemctl", "show", unit, `--property=${properties.join(",")}`]);
  const pairs = new Map(
    text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const values: Partial<Record<P, string>> = {};
  for (const property of properties) values[property] = pairs.get(property) ?? "";
  return values as Record<P, string>;
}

/** When Open vSwitch stood, when the agent said READY, when dockerd was started. 0: not in this boot. */
export async function stamps(machine: Machine): Promise<Stamps> {
  const ovs = await show(machine, "ovs-vswitchd.service", ["ActiveEnterTimestampMonotonic"]);
  const agent = await show(machine, "devcloud-agent.service", [
    "ExecMainStartTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
  ]);
  const docker = await show(machine, "docker.service", ["ExecMainStartTimestampMonotonic"]);
  return {
    ovs: Number(ovs.ActiveEnterTimestampMonotonic),
    agentExec: Number(agent.ExecMainStartTimestampMonotonic),
    agentReady: Number(agent.ActiveEnterTimestampMonotonic),
    dockerExec: Number(docker.ExecMainStartTimestampMonotonic),
  };
}

export async function facts(machine: Machine): Promise<Facts> {
  const docker = await show(machine, "docker.service", ["MainPID"]);
  const agent = await show(machine, "devcloud-agent.service", ["MainPID", "ActiveState", "SubState", "NRestarts"]);
  const inspected = await machine.must(["docker", "inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", "work"]);
  const [pid = "0", started = ""] = inspected.split(" ");
  return {
    dockerd: Number(docker.MainPID),
    container: Number(pid),
    containerStarted: started,
    agent: Number(agent.MainPID),
    agentState: `${agent.ActiveState} (${agent.SubState})`,
    restarts: Number(agent.NRestarts),
  };
}

/** Of a service, as the facts have its state. */
export const active = (state: string): boolean => state === "active (running)";

/** Microseconds as seconds for people. */
export function seconds(microseconds: number): string {
  return `${(microseconds / 1e6).toFixed(3)} s`;
}
