import type { Settings } from "./config/settings.ts";
import type { Problem } from "./core/errors.ts";
import type { ReconcilerState } from "./core/reconciler.ts";
import type { Host } from "./host.ts";
import { observe } from "./network/converge.ts";
import { linkOf, type NetworkConfig } from "./network/desired.ts";
import { activeMember } from "./network/failover.ts";
import type { Network } from "./network/network.ts";
import { findBridge, findInterface, findPort, interfacesOf, type Observed, portsOf } from "./network/observed.ts";
import type { BridgeRow } from "./network/schema.ts";
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
  const lastGood = await host.ports.state.read("last-good");
  const config = network.change?.pending.config ?? lastGood?.config;
  const observed = await observe(host.ports, AbortSignal.timeout(OBSERVE_TIMEOUT_MS)).catch(() => undefined);
  const pending = network.change?.pending;
  const mode = (settings?.network ?? config?.network)?.mode;
  return {
    loop,
    problems,
    ...(mode === undefined ? {} : { mode }),
    ...(lastGood === undefined ? {} : { revision: lastGood.config.revision, hash: lastGood.config.hash }),
    ...(lastGood === undefined ? {} : { confirmedAt: lastGood.confirmedAt }),
    ...(config === undefined ? {} : { bond: { name: config.network.bond.name, members: membersOf(config, observed) } }),
    ...(config === undefined ? {} : { wiring: wiringOf(config, observed) }),
    addresses: config === undefined ? [] : addressesOf(config, observed),
    ...(pending === undefined
      ? {}
      : {
          change: {
            id: pending.id,
            startedAt: pending.startedAt,
            remainingMs: Math.max(0, pending.deadline - host.ports.clock.monotonic()),
          },
        }),
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

/** The addresses on our devices, and the VLAN that each really is on. */
function addressesOf({ network }: NetworkConfig, observed: Observed | undefined): NetworkStatus["addresses"] {
  if (observed === undefined) return [];
  const { ovs, kernel } = observed;
  return kernel.addresses
    .filter(({ device }) => network.addresses[device] !== undefined)
    .map(({ device, address }) => ({ device, address, vlan: findPort(ovs, device)?.tag[0] ?? null }));
}
