import type { Drift } from "../core/step.ts";
import { type KernelWhole, MAIN_TABLE } from "./kernel.ts";
import { findBridge, findInterface, findPort, type Observed } from "./observed.ts";
import type { Step } from "./steps.ts";

/**
 * Parts a plan into what changes the network and what only writes down what it is already: our marks, defaults of Open vSwitch
 * that were not spelled out, a route that somebody else has made too. An apply does both.
 */
export function partPlan(
  steps: readonly Step[],
  observed: Observed,
  kernel: KernelWhole,
): { readonly changes: readonly Step[]; readonly bookkeeping: readonly Step[] } {
  const changes = steps.filter((step) => !isBookkeeping(step, observed, kernel));
  return { changes, bookkeeping: steps.filter((step) => !changes.includes(step)) };
}

function isBookkeeping(step: Step, { ovs }: Observed, kernel: KernelWhole): boolean {
  switch (step.kind) {
    case "update-bridge": {
      // The MAC of a bridge is that of its own port, which nobody speaks to where it has no address.
      const silent = !kernel.addresses.some(({ device }) => device === step.name);
      return step.drift.every(
        (drift) => marks(drift) || bridgeSays(drift) || (silent && drift.field === "other_config:hwaddr"),
      );
    }
    case "update-port": {
      const row = findPort(ovs, step.name);
      const same = !step.drift.some(({ field }) => field === "tag" || field === "trunks");
      const native = row?.vlan_mode[0] === "native-untagged" ? row.tag : [];
      const mode = !same || row === undefined ? undefined : row.tag.length > 0 ? "access" : "trunk";
      // No trunks at all would be all of them.
      const means = mode === "trunk" && row?.trunks.length === 0 ? undefined : mode;
      return step.drift.every((drift) => marks(drift) || portSays(drift, means) || carries(drift, native));
    }
    case "update-interface": {
      const mac = findInterface(ovs, step.name)?.mac_in_use[0];
      const mtu = kernel.links.find(({ name }) => name === step.name)?.mtu;
      return step.drift.every((drift) => marks(drift) || isMac(drift, mac) || isMtu(drift, mtu));
    }
    case "add-route":
      return kernel.routes.some(
        ({ to, via, device, table }) =>
          to === step.to && via === step.via && device === step.device && table === MAIN_TABLE,
      );
    case "set-ipv6":
      return findBridge(ovs, step.device) === undefined && findInterface(ovs, step.device) !== undefined;
    default:
      return false;
  }
}

function marks({ field }: Drift): boolean {
  return field.startsWith("external_ids:devcloud-");
}

/** ovs-vswitchd.conf.db(5): what Bridge's columns mean while they are empty. */
function bridgeSays({ field, current, desired }: Drift): boolean {
  if (field === "datapath_type") return current === "" && desired === "system";
  return field === "fail_mode" && isEmpty(current) && String(desired) === "standalone";
}

function portSays({ field, current, desired }: Drift, mode: string | undefined): boolean {
  if (field === "other_config:bond-detect-mode") return current === null && desired === "carrier";
  if (!isEmpty(current)) return false;
  const implied: Readonly<Record<string, string | undefined>> = {
    bond_mode: "active-backup",
    lacp: "off",
    vlan_mode: mode,
  };
  return implied[field] !== undefined && implied[field] === String(desired);
}

/** Open vSwitch left it at what the kernel has. */
function isMtu({ field, current, desired }: Drift, mtu: number | undefined): boolean {
  return field === "mtu_request" && isEmpty(current) && String(desired) === String(mtu);
}

/** The VLAN without a tag is carried whether or not it is among the trunks. */
function carries({ field, current, desired }: Drift, native: readonly number[]): boolean {
  if (field !== "trunks" || native.length === 0 || !Array.isArray(current) || !Array.isArray(desired)) return false;
  const all = new Set<unknown>(native);
  for (const id of current as readonly unknown[]) all.add(id);
  return current.length > 0 && all.size === desired.length && desired.every((id) => all.has(id));
}

function isMac({ field, desired }: Drift, inUse: string | undefined): boolean {
  return field === "mac" && inUse !== undefined && String(desired) === inUse;
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
