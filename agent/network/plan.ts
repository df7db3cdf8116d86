import type { Risk } from "../core/step.ts";
import { differing } from "./columns.ts";
import { planLeftovers } from "./leftovers.ts";
import { bridgeOf, findBridge, findInterface, findPort, interfacesOf, type Observed, portsOf } from "./observed.ts";
import { isOurs } from "./owner.ts";
import { planHost } from "./plan-host.ts";
import type { OvsStep, Step } from "./steps.ts";
import type { BridgeTarget, InterfaceTarget, PortTarget, Target } from "./target.ts";

/**
 * What has to be done so that the host is as `target` says: nothing, when it is so already. Only rows that carry our mark, and
 * addresses of our ledger, are ever removed; what the target does not name is left alone. Pure.
 */
export function plan(target: Target, observed: Observed): readonly Step[] {
  const bridges = target.bridges.flatMap((bridge) => planBridge(bridge, observed));
  const going = bridges.flatMap((step) => (step.kind === "remove-port" ? step.port : []));
  return [
    ...planRemovals(target, observed),
    ...bridges,
    ...planRoot(target, observed),
    // What belongs on a device that has to be made anew first is planned when it is there.
    ...planHost(target, observed).filter((step) => !("device" in step && going.includes(step.device))),
    ...planLeftovers(target, observed),
  ];
}

function planRemovals(target: Target, { ovs }: Observed): OvsStep[] {
  const bridgeNames = new Set(target.bridges.map(({ name }) => name));
  const placeOf = new Map(target.bridges.flatMap(({ name, ports }) => ports.map((port) => [port.name, name] as const)));
  const steps: OvsStep[] = [];
  for (const bridge of ovs.bridges) {
    const doomed = portsOf(ovs, bridge).filter((port) => isOurs(port) && placeOf.get(port.name) !== bridge.name);
    const foreign = portsOf(ovs, bridge).some((port) => !isOurs(port) && port.name !== bridge.name);
    if (isOurs(bridge) && !bridgeNames.has(bridge.name) && !foreign) {
      steps.push({ kind: "remove-bridge", bridge: bridge.name, why: "not desired", risk: "management-path" });
      continue;
    }
    for (const port of doomed.filter(({ name }) => name !== bridge.name)) {
      const to = placeOf.get(port.name);
      const why = to === undefined ? "not desired" : `belongs on ${to}`;
      steps.push({
        kind: "remove-port",
        bridge: bridge.name,
        port: port.name,
        why,
        risk: portRisk(interfacesOf(ovs, port).map(({ type }) => type)),
      });
    }
  }
  return steps;
}

function planBridge(desired: BridgeTarget, observed: Observed): OvsStep[] {
  const { ports, ...bridge } = desired;
  const row = findBridge(observed.ovs, desired.name);
  if (row === undefined) {
    return [
      { kind: "create-bridge", bridge, why: "missing", risk: "none" },
      ...ports.map((port): OvsStep => createPort(bridge.name, port)),
    ];
  }
  const { columns, drift } = differing(`bridge ${bridge.name}`, row, bridge.columns);
  const bookkeeping = drift.every(({ field }) => field.startsWith("external_ids:"));
  return [
    ...(drift.length === 0
      ? []
      : [
          {
            kind: "update-bridge",
            name: bridge.name,
            columns,
            drift,
            why: "differs",
            risk: bookkeeping ? "none" : "management-path",
          } as const,
        ]),
    ...ports.flatMap((port) => planPort(bridge.name, port, observed)),
  ];
}

function planPort(bridge: string, desired: PortTarget, observed: Observed): OvsStep[] {
  const { ovs } = observed;
  const row = findPort(ovs, desired.name);
  if (row === undefined || bridgeOf(ovs, row)?.name !== bridge) return [createPort(bridge, desired)];
  const risk = portRisk(desired.interfaces.map(({ columns }) => columns.type));
  // ovs-vswitchd makes a device when its row appears, and never again; the next look plans the port anew.
  if (isOurs(row) && desired.interfaces.some((entry) => isDeviceGone(entry, observed)))
    return [{ kind: "remove-port", bridge, port: desired.name, why: "its device is gone", risk }];
  const present = interfacesOf(ovs, row);
  const wanted = new Set(desired.interfaces.map(({ name }) => name));
  const { columns, drift } = differing(`port ${desired.name}`, row, desired.columns);
  return [
    ...(drift.length === 0
      ? []
      : [{ kind: "update-port", name: desired.name, columns, drift, why: "differs", risk } as const]),
    ...present
      .filter(({ name }) => !wanted.has(name))
      .map(
        ({ name }): OvsStep => ({
          kind: "remove-interface",
          port: desired.name,
          interface: name,
          why: "not a member",
          risk,
        }),
      ),
    ...desired.interfaces.flatMap((entry): OvsStep[] => {
      if (present.some(({ name }) => name === entry.name)) return planInterface(entry, ovs, risk);
      return [{ kind: "add-interface", port: desired.name, interface: entry, why: "missing member", risk }];
    }),
  ];
}

/** Somebody deleted the device of an internal port, which Open vSwitch goes on to believe in. */
function isDeviceGone({ name, columns }: InterfaceTarget, { ovs, kernel }: Observed): boolean {
  if (columns.type !== "internal" || ovs.root.cur_cfg < ovs.root.next_cfg) return false;
  const row = findInterface(ovs, name);
  const opened = row?.type === "internal" && row.error.length === 0 && (row.ofport[0] ?? -1) > 0;
  return opened && !kernel.links.some((link) => link.name === name);
}

function planInterface(desired: InterfaceTarget, ovs: Observed["ovs"], risk: Risk): OvsStep[] {
  const row = findInterface(ovs, desired.name);
  if (row === undefined) return [];
  const { columns, drift } = differing(`interface ${desired.name}`, row, desired.columns);
  if (drift.length === 0) return [];
  return [{ kind: "update-interface", name: desired.name, columns, drift, why: "differs", risk }];
}

function planRoot(target: Target, { ovs }: Observed): OvsStep[] {
  const { drift } = differing("host", ovs.root, { external_ids: target.externalIds });
  const present = new Set(ovs.managers.map((row) => row.target));
  return [
    ...ovs.managers
      .filter((row) => isOurs(row) && !target.managers.includes(row.target))
      .map((row): OvsStep => ({ kind: "remove-manager", target: row.target, why: "not desired", risk: "none" })),
    ...target.managers
      .filter((manager) => !present.has(manager))
      .map((manager): OvsStep => ({ kind: "add-manager", target: manager, why: "missing", risk: "none" })),
    ...drift.map((entry): OvsStep => {
      const key = entry.field.slice("external_ids:".length);
      const value = target.externalIds[key] ?? null;
      return { kind: "set-external-id", key, value, drift: [entry], why: "differs", risk: "none" };
    }),
  ];
}

function createPort(bridge: string, port: PortTarget): OvsStep {
  return { kind: "create-port", bridge, port, why: "missing", risk: "none" };
}

/** Patch ports carry the VMs; the bond and internal ports carry the person who is logged in. */
function portRisk(types: readonly (string | undefined)[]): Risk {
  return types.every((type) => type === "patch") ? "blip" : "management-path";
}
