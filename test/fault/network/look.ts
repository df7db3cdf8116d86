import { labVlans } from "../../lab/config.ts";
import type { Host } from "../../lab/host.ts";
import type { Pace } from "./pace.ts";
import type { Wanted } from "./wanted.ts";

/** What the rounds vary, as a host has it. Compared as JSON. */
export interface Look {
  readonly tag: number;
  readonly trunks: readonly number[];
  readonly patch: readonly number[];
  readonly updelayMs: number;
  /** DEVICE ADDRESS/PREFIX, sorted. */
  readonly addresses: readonly string[];
}

/** What a configuration means, worked out here and not by the agent. Pure. */
export function meant(
  { management, trunk, patch, updelayMs, storage }: Wanted,
  host: { index: number; address: string },
  pace: Pace,
): Look {
  const { management: _, ...others } = labVlans;
  const named: Readonly<Record<string, number>> = labVlans;
  return {
    tag: management,
    trunks: [management, ...Object.values(others), ...trunk].sort((a, b) => a - b),
    patch: patch.map((name) => named[name] ?? 0).sort((a, b) => a - b),
    updelayMs: pace.updelayMs + updelayMs,
    addresses: [`mgmt0 ${host.address}/24`, ...(storage ? [`storage0 10.1.5.${10 + host.index}/24`] : [])],
  };
}

/** What is there, asked with ovs-vsctl and ip and not with the agent. */
export async function seen(host: Host): Promise<Look> {
  const columns = [
    ["mgmt0", "tag"],
    ["bond0", "trunks"],
    ["to-br-ex", "trunks"],
    ["bond0", "bond_updelay"],
  ] as const;
  const text = await host.vsctl(...columns.flatMap(([port, column]) => ["--", "get", "Port", port, column]));
  const [tag = "", trunks = "", patch = "", updelay = ""] = text.split("\n");
  const { stdout } = await host.exec(["ip", "-o", "-4", "address"]);
  const addresses = [...stdout.matchAll(/^\d+: (\S+) +inet (\S+)/gm)].map(
    ([, device, address]) => `${device} ${address}`,
  );
  return {
    tag: Number(tag),
    trunks: numbers(trunks),
    patch: numbers(patch),
    updelayMs: Number(updelay),
    addresses: addresses.filter((entry) => !entry.startsWith("lo ")).sort(),
  };
}

/** UUIDs of the bond's and the management port's rows, and the port numbers of their interfaces: a change keeps them. */
export async function identity(host: Host): Promise<string> {
  const ports = ["bond0", "mgmt0"].flatMap((name) => ["--", "get", "Port", name, "_uuid"]);
  const interfaces = ["em1", "em2", "mgmt0"].flatMap((name) => ["--", "get", "Interface", name, "_uuid", "ofport"]);
  return (await host.vsctl(...ports, ...interfaces)).replaceAll("\n", " ");
}

function numbers(text: string): number[] {
  return [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits)).sort((a, b) => a - b);
}
