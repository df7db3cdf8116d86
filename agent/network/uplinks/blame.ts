import { describe } from "../describe.ts";
import { type NetworkConfig, targetOf } from "../desired.ts";
import type { Observed } from "../observed.ts";
import { plan } from "../plan.ts";
import type { Step } from "../steps.ts";
import { activeNic } from "./uplinks.ts";

/** The way from the host to its gateway, as far as the host has a part in it. */
interface Way {
  readonly bridge: string;
  readonly ports: readonly string[];
  /** The device with the address that the gateway is asked from. */
  readonly device: string;
  /** It has an address of the gateway's family. */
  readonly addressed: boolean;
}

/**
 * Why a silence cannot be the fabric's fault now, in words; absent where it can. Only what the way to the gateway stands on matters: a
 * resolv.conf that cannot be written must not keep a dead uplink from being found. Pure.
 */
export function unblamable(
  config: NetworkConfig,
  gateway: { readonly device: string; readonly address: string },
  observed: Observed,
): string | undefined {
  const { network } = config;
  const { root } = observed.ovs;
  if (root.cur_cfg < root.next_cfg) return "Open vSwitch has not applied what was asked of it";
  if (activeNic(config, observed) === undefined) return `no member of ${network.bond.name} carries traffic`;
  const { device, address } = gateway;
  const six = address.includes(":");
  const addressed = observed.kernel.addresses.some(
    (entry) => entry.device === device && entry.address.includes(":") === six,
  );
  const way: Way = { bridge: network.bridge, ports: [network.bond.name, device], device, addressed };
  const steps = plan(targetOf(config, observed), observed).filter((step) => isOnWay(step, way));
  if (steps.length === 0) return undefined;
  const words = steps.map(describe).map(({ sign, text }) => `${sign} ${text}`);
  return `the way to it is not as it has to be: ${words.join(", ")}`;
}

function isOnWay(step: Step, { bridge, ports, device, addressed }: Way): boolean {
  switch (step.kind) {
    case "create-bridge":
      return step.bridge.name === bridge;
    case "remove-bridge":
      return step.bridge === bridge;
    case "update-bridge":
      // Marks alone disrupt nothing.
      return step.name === bridge && step.risk !== "none";
    case "create-port":
      return ports.includes(step.port.name);
    case "remove-port":
    case "add-interface":
    case "remove-interface":
      return ports.includes(step.port);
    case "update-port":
      return ports.includes(step.name);
    case "update-interface":
      return step.name === device;
    case "link-up":
      return step.device === device;
    case "add-address":
      return step.device === device && !addressed;
    default:
      return false;
  }
}
