import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { buildTree } from "../../packaging/build.ts";
import type { AgentProcess, LogLine } from "../lab/agent.ts";
import type { ConfigMap } from "../lab/config.ts";
import type { Host } from "../lab/host.ts";
import { createLab, type Lab, type LabOptions } from "../lab/lab.ts";

/** A VLAN that the gateway has and the fabrics prune: a management network there cuts the host off. */
export const PRUNED = 130;

/** One lab for all tests of a file. */
export function sharedLab(options: LabOptions = {}): () => Lab {
  let lab: Lab | undefined;
  beforeAll(async () => {
    await buildTree();
    lab = await createLab({ say: () => undefined, vlans: [100, 105, 110, 120, PRUNED], ...options });
    await lab.prune(PRUNED);
  });
  afterAll(async () => lab?.down());
  return () => {
    if (lab === undefined) throw new Error("the lab is not up");
    return lab;
  };
}

/** The agent on a host whose network it has brought up and confirmed. */
export async function standing(host: Host): Promise<AgentProcess> {
  const agent = host.startAgent();
  await agent.event("net-ready");
  if (!existsSync(stateFile(host, "last-good"))) await agent.event("change", "confirmed");
  return agent;
}

/** Ends the agent, takes the operator's fragments and the state away, and empties Open vSwitch: a host as it was delivered. */
export async function asDelivered(lab: Lab, host: Host): Promise<void> {
  await host.agent?.stop("SIGKILL");
  for (const { name } of host.nics) await lab.mend(host, name);
  await host.powerOff();
  const gone = ["var/lib/devcloud-agent", "etc/devcloud-agent/override.d", "var/lib/openvswitch"];
  await host.exec(["true"]).catch(() => undefined);
  const { rm } = await import("node:fs/promises");
  for (const path of gone) await rm(join(host.root, path), { recursive: true, force: true });
  await rm(join(host.root, "etc/openvswitch/system-id.conf"), { force: true });
  // Nobody knows it yet: the MAC address that it will have may be another one.
  await lab.gateway("ip", "neighbour", "flush", "to", host.address);
  await host.powerOn();
  await host.startOvs();
}

export type StateFile = "last-good" | "pending" | "confirmed" | "rolling-back" | "failed" | "ledger" | "avoid";

export function stateFile(host: Host, name: StateFile): string {
  return join(host.root, "var/lib/devcloud-agent/network", `${name}.json`);
}

/** What a state file holds, without its envelope; undefined where there is none. */
export function stateOf(host: Host, name: StateFile): unknown {
  const file = stateFile(host, name);
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly data: unknown }).data;
}

/** Puts a fragment of the operator's above the host's own and tells the agent; returns the log's mark before it. */
export async function reconfigure(host: Host, network: ConfigMap | null, more: ConfigMap = {}): Promise<number> {
  const mark = host.agent?.mark() ?? 0;
  await host.writeConfig("60-test.yaml", { version: 1, ...(network === null ? {} : { network }), ...more }, "override");
  host.agent?.kill("SIGHUP");
  return mark;
}

/** Whether a line tells of a problem with this code. */
export function tells(code: string): (line: LogLine) => boolean {
  return (line) => line.event === "problems" && JSON.stringify(line.problems).includes(`"${code}"`);
}

/** `network verify` says that the host is as configured. */
export async function expectVerified(host: Host): Promise<void> {
  const { code, stdout, stderr } = await host.cli("network", "verify");
  expect(`${code} ${stdout}${stderr}`).toMatch(/^0 /);
}

/** The rows of a table in wire form, sorted: the server keeps no order. */
export async function select(host: Host, table: string, ...columns: string[]): Promise<readonly string[]> {
  const operation = JSON.stringify(["Open_vSwitch", { op: "select", table, where: [], columns }]);
  const { stdout, code, stderr } = await host.exec([
    "ovsdb-client",
    "transact",
    `unix:${host.env.OVS_RUNDIR}/db.sock`,
    operation,
  ]);
  if (code !== 0) throw new Error(`ovsdb-client: ${stderr}`);
  const [{ rows }] = JSON.parse(stdout) as [{ readonly rows: readonly unknown[] }];
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

/** Addresses of a device, as `ip` prints them. */
export async function addressesOf(host: Host, device: string): Promise<string> {
  return (await host.exec(["ip", "-br", "address", "show", "dev", device])).stdout;
}
