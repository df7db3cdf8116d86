import type { Settings } from "./config/settings.ts";
import type { Problem } from "./core/errors.ts";
import type { ReconcilerState } from "./core/reconciler.ts";
import type { Host } from "./host.ts";
import { observe } from "./network/converge.ts";
import { linkOf, type NetworkConfig, targetOf } from "./network/desired.ts";
import type { Rung } from "./network/ladder/rung.ts";
import { kernelVlanId } from "./network/ladder/targets.ts";
import type { Network } from "./network/network.ts";
import {
  findBridge,
  findInterface,
  findPort,
  interfacesOf,
  type KernelObserved,
  type Observed,
  portsOf,
} from "./network/observed.ts";
import type { BridgeRow } from "./network/schema.ts";
import { lastGoodOf } from "./network/state.ts";
import { othersOf } from "./network/steady/strangers.ts";
import { activeMember } from "./network/uplinks/failover.ts";
import type { MemberStatus, NetworkStatus, WiringStatus } from "./web/status.ts";

const OBSERVE_TIMEOUT_MS = 2_000;

/** How the network is now. What cannot be observed is left out: the status answers also when Open vSwitch does not. */
export async function networkStatus(
  host: Host,
  network: Network,
  loop: ReconcilerState,
  settings: Settings | undefined,
  problems: readonly Problem[],
): Promise<NetworkStatus> {
  const lastGood = await lastGoodOf(host.ports.state);
  const config = network.change?.pending.config ?? lastGood?.config;
  const within = AbortSignal.timeout(OBSERVE_TIMEOUT_MS);
  const observed = await observe(host.ports, within).catch(() => undefined);
  const kernel = observed?.kernel ?? (await host.ports.kernel.observe(within).catch(() => undefined));
  const { rung } = network;
  const pending = network.change?.pending;
  const mode = (settings?.network ?? config?.network)?.mode;
  return {
    loop,
    problems,
    ...(mode === undefined ? {} : { mode }),
    ...(lastGood === undefined ? {} : { revision: lastGood.config.revision, hash: lastGood.config.hash }),
    ...(lastGood === undefined ? {} : { confirmedAt: lastGood.confirmedAt }),
    ...wiredOf(config, rung, kernel, observed),
    ...(pending === undefined
      ? {}
      : {
          change: {
            id: pending.id,
            startedAt: pending.startedAt,
            sinceMs: Math.max(0, host.ports.clock.monotonic() - pending.deadline + pending.confirm.deadlineMs),
            remainingMs: Math.max(0, pending.deadline - host.ports.clock.monotonic()),
          },
        }),
  };
}

/** What is joined to what on this host, as far as it can be observed. */
export function wiredOf(
  config: NetworkConfig | undefined,
  rung: Rung | undefined,
  kernel: KernelObserved | undefined,
  observed: Observed | undefined,
): Pick<NetworkStatus, "bond" | "wiring" | "rung" | "others" | "addresses"> {
  const addresses = addressesOf(config, rung, kernel, observed);
  const stood = rung === undefined ? {} : { rung };
  if (config === undefined) return { ...stood, addresses };
  return {
    bond: { name: config.network.bond.name, members: membersOf(config, observed) },
    wiring: wiringOf(config, observed),
    ...stood,
    ...(observed === undefined ? {} : { others: othersOf(config, targetOf(config, observed), observed) }),
    addresses,
  };
}

export function membersOf({ network }: NetworkConfig, observed: Observed | undefined): readonly MemberStatus[] {
  const active = observed && activeMember(observed.ovs, network.bond.name);
  return network.bond.members.map((nic) => {
    const device = observed && linkOf(nic, network, observed.kernel.links)?.name;
    const fabric = network.nics[nic]?.fabric;
    const state = observed && device && findInterface(observed.ovs, device)?.link_state[0];
    return {
      nic,
      device: device ?? nic,
      ...(fabric === undefined ? {} : { fabric }),
      link: observed === undefined ? "unknown" : device === undefined ? "missing" : state === "up" ? "up" : "down",
      active: device !== undefined && device === active,
    };
  });
}

function wiringOf({ network }: NetworkConfig, observed: Observed | undefined): WiringStatus {
  const bridge = observed && findBridge(observed.ovs, network.bridge);
  return {
    bridge: network.bridge,
    ...(observed === undefined ? {} : { bridgeStands: bridge !== undefined }),
    vlans: network.vlans,
    devices: Object.keys(network.addresses),
    patches: Object.entries(network.neutron?.bridges ?? {}).map(([name, { vlans }]) => ({
      bridge: name,
      vlans,
      ...(observed === undefined ? {} : { stands: bridge !== undefined && isPatched(observed, bridge, name) }),
    })),
  };
}

/** Whether a patch port of ours has its peer on the other bridge. */
function isPatched({ ovs }: Observed, ours: BridgeRow, name: string): boolean {
  const theirs = findBridge(ovs, name);
  if (theirs === undefined) return false;
  const there = new Set(portsOf(ovs, theirs).map((port) => port.name));
  return portsOf(ovs, ours)
    .flatMap((port) => interfacesOf(ovs, port))
    .some(({ type, options }) => type === "patch" && there.has(options.peer ?? ""));
}

/** The addresses on our devices, or on what stands in for them, and the VLAN that each really is on. */
function addressesOf(
  config: NetworkConfig | undefined,
  rung: Rung | undefined,
  kernel: KernelObserved | undefined,
  observed: Observed | undefined,
): NetworkStatus["addresses"] {
  const devices = [...Object.keys(config?.network.addresses ?? {}), ...(rung?.devices ?? [])];
  return (kernel?.addresses ?? [])
    .filter(({ device }) => devices.includes(device))
    .map(({ device, address }) => ({
      device,
      address,
      vlan: (observed && findPort(observed.ovs, device)?.tag[0]) ?? kernelVlanId(device) ?? null,
    }));
}
