import type { Settings } from "./config/settings.ts";
import type { Problem } from "./core/errors.ts";
import type { ReconcilerState } from "./core/reconciler.ts";
import type { Host } from "./host.ts";
import { observe } from "./network/converge.ts";
import { linkOf, type NetworkConfig } from "./network/desired.ts";
import { activeMember } from "./network/failover.ts";
import type { Network } from "./network/network.ts";
import { findInterface, findPort, type Observed } from "./network/observed.ts";
import type { MemberStatus, NetworkStatus } from "./web/status.ts";

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

/** The addresses on our devices, and the VLAN that each really is on. */
function addressesOf({ network }: NetworkConfig, observed: Observed | undefined): NetworkStatus["addresses"] {
  if (observed === undefined) return [];
  const { ovs, kernel } = observed;
  return kernel.addresses
    .filter(({ device }) => network.addresses[device] !== undefined)
    .map(({ device, address }) => ({ device, address, vlan: findPort(ovs, device)?.tag[0] ?? null }));
}
