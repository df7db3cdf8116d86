import { type NamedUuid, Transaction, type Uuid } from "node-ovsdb";
import { findBridge, findInterface, findPort, type OvsObserved } from "./observed.ts";
import { ownerMark } from "./owner.ts";
import { type Vswitch, vswitch } from "./schema.ts";
import type { OvsStep } from "./steps.ts";
import type { BridgeColumns, InterfaceColumns, InterfaceTarget, Keys, PortColumns, PortTarget } from "./target.ts";

type Tx = Transaction<Vswitch>;

/** The one place where steps meet rows: what a step needs to become operations. */
interface Scope {
  readonly tx: Tx;
  readonly ovs: OvsObserved;
  /** Bridges that this transaction creates. */
  readonly created: Map<string, NamedUuid>;
}

type Compilers = { readonly [K in OvsStep["kind"]]: (step: Extract<OvsStep, { kind: K }>, scope: Scope) => void };

const compilers: Compilers = {
  "create-bridge": ({ bridge }, { tx, ovs, created }) => {
    const columns = { ...bridge.initial, ...bridge.columns };
    const local = insertPort(tx, { name: bridge.name, columns: {}, interfaces: [localInterface(bridge.name)] });
    const row = tx.insert("Bridge", { name: bridge.name, ports: [local], ...whole(columns) });
    created.set(bridge.name, row);
    tx.addToSet("Open_vSwitch", ovs.root._uuid, "bridges", [row]);
  },
  "remove-bridge": ({ bridge }, { tx, ovs }) => {
    const row = existing(findBridge(ovs, bridge), bridge);
    tx.removeFromSet("Open_vSwitch", ovs.root._uuid, "bridges", [row._uuid]);
  },
  "update-bridge": ({ name, columns }, { tx, ovs }) => {
    const row = existing(findBridge(ovs, name), name);
    const { other_config, external_ids, ...plain } = columns;
    if (hasColumns(plain)) {
      tx.wait("Bridge", row._uuid, pick(row, plain));
      tx.update("Bridge", row._uuid, plain, { expect: 1 });
    }
    if (other_config) tx.mergeKeys("Bridge", row._uuid, "other_config", other_config);
    if (external_ids) tx.mergeKeys("Bridge", row._uuid, "external_ids", external_ids);
  },
  "create-port": ({ bridge, port }, { tx, ovs, created }) => {
    const row = insertPort(tx, port);
    tx.addToSet("Bridge", created.get(bridge) ?? existing(findBridge(ovs, bridge), bridge)._uuid, "ports", [row]);
  },
  "remove-port": ({ bridge, port }, { tx, ovs }) => {
    const holder = existing(findBridge(ovs, bridge), bridge);
    tx.removeFromSet("Bridge", holder._uuid, "ports", [existing(findPort(ovs, port), port)._uuid]);
  },
  "update-port": ({ name, columns }, { tx, ovs }) => {
    const row = existing(findPort(ovs, name), name);
    const { other_config, external_ids, ...plain } = columns;
    if (hasColumns(plain)) {
      tx.wait("Port", row._uuid, pick(row, plain));
      tx.update("Port", row._uuid, plain, { expect: 1 });
    }
    if (other_config) tx.mergeKeys("Port", row._uuid, "other_config", other_config);
    if (external_ids) tx.mergeKeys("Port", row._uuid, "external_ids", external_ids);
  },
  "add-interface": ({ port, interface: entry }, { tx, ovs }) => {
    const holder = existing(findPort(ovs, port), port);
    tx.addToSet("Port", holder._uuid, "interfaces", [insertInterface(tx, entry)]);
  },
  "remove-interface": ({ port, interface: name }, { tx, ovs }) => {
    const holder = existing(findPort(ovs, port), port);
    tx.removeFromSet("Port", holder._uuid, "interfaces", [existing(findInterface(ovs, name), name)._uuid]);
  },
  "update-interface": ({ name, columns }, { tx, ovs }) => {
    const row = existing(findInterface(ovs, name), name);
    const { options, external_ids, ...plain } = columns;
    if (hasColumns(plain)) {
      tx.wait("Interface", row._uuid, pick(row, plain));
      tx.update("Interface", row._uuid, plain, { expect: 1 });
    }
    if (options) tx.mergeKeys("Interface", row._uuid, "options", options);
    if (external_ids) tx.mergeKeys("Interface", row._uuid, "external_ids", external_ids);
  },
  "add-manager": ({ target }, { tx, ovs }) => {
    const row = tx.insert("Manager", { target, external_ids: present(ownerMark) });
    tx.addToSet("Open_vSwitch", ovs.root._uuid, "manager_options", [row]);
  },
  "remove-manager": ({ target }, { tx, ovs }) => {
    const rows = ovs.managers.filter((row) => row.target === target).map((row) => row._uuid);
    tx.removeFromSet("Open_vSwitch", ovs.root._uuid, "manager_options", rows);
  },
  "set-external-id": ({ key, value }, { tx, ovs }) => {
    tx.mergeKeys("Open_vSwitch", ovs.root._uuid, "external_ids", { [key]: value });
  },
};

/**
 * One transaction for all steps, which fails as a whole if the rows that the plan was made from are no longer as they were, or
 * if this process does not own `lock` (any more).
 */
export function compile(steps: readonly OvsStep[], ovs: OvsObserved, lock: string): Tx {
  const tx = new Transaction(vswitch);
  tx.assertLock(lock);
  if (steps.length > 0) tx.comment(`devcloud-agent: ${steps.map(({ kind }) => kind).join(", ")}`);
  guardSets(tx, steps, ovs);
  const scope: Scope = { tx, ovs, created: new Map() };
  for (const step of steps) compileOne(step, scope);
  return tx;
}

function compileOne<K extends OvsStep["kind"]>(step: Extract<OvsStep, { kind: K }>, scope: Scope): void {
  // The table is indexed by the step's own kind, which TypeScript cannot follow through the union.
  const compiler = compilers[step.kind] as (step: Extract<OvsStep, { kind: K }>, scope: Scope) => void;
  compiler(step, scope);
}

/** The sets that members are added to or taken from are guarded once each, before the first operation changes them. */
function guardSets(tx: Tx, steps: readonly OvsStep[], ovs: OvsObserved): void {
  const bridges = new Set<string>();
  const ports = new Set<string>();
  for (const step of steps) {
    if (step.kind === "create-port" || step.kind === "remove-port") bridges.add(step.bridge);
    if (step.kind === "add-interface" || step.kind === "remove-interface") ports.add(step.port);
  }
  if (steps.some(({ kind }) => kind === "create-bridge" || kind === "remove-bridge")) {
    tx.wait("Open_vSwitch", ovs.root._uuid, { bridges: ovs.root.bridges });
  }
  for (const row of ovs.bridges) if (bridges.has(row.name)) tx.wait("Bridge", row._uuid, { ports: row.ports });
  for (const row of ovs.ports) if (ports.has(row.name)) tx.wait("Port", row._uuid, { interfaces: row.interfaces });
}

function insertPort(tx: Tx, { name, columns, interfaces }: PortTarget): NamedUuid {
  const members: Uuid[] = interfaces.map((entry) => insertInterface(tx, entry));
  return tx.insert("Port", { name, interfaces: members, ...whole(columns) });
}

function insertInterface(tx: Tx, { name, columns }: InterfaceTarget): NamedUuid {
  return tx.insert("Interface", { name, ...whole(columns) });
}

function localInterface(bridge: string): InterfaceTarget {
  return { name: bridge, columns: { type: "internal" } };
}

type MapColumn = "other_config" | "external_ids" | "options";
type Whole<C> = { [K in keyof C]: K extends MapColumn ? Record<string, string> : C[K] };

/** Columns for a row that does not exist yet: of maps, the keys that have a value. */
function whole<C extends BridgeColumns | PortColumns | InterfaceColumns>(columns: C): Whole<C> {
  const entries = Object.entries(columns).map(([name, value]: [string, unknown]) => [
    name,
    isKeys(value) ? present(value) : value,
  ]);
  return Object.fromEntries(entries) as Whole<C>;
}

function isKeys(value: unknown): value is Keys {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function present(keys: Keys): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).filter((entry): entry is [string, string] => entry[1] !== null));
}

function hasColumns(columns: object): boolean {
  return Object.keys(columns).length > 0;
}

function pick<R extends object, C extends object>(row: R, columns: C): Pick<R, keyof C & keyof R> {
  return Object.fromEntries(Object.keys(columns).map((name) => [name, row[name as keyof R]])) as Pick<
    R,
    keyof C & keyof R
  >;
}

function existing<T>(row: T | undefined, name: string): T {
  if (row === undefined) throw new TypeError(`the plan names ${name}, which was not observed`);
  return row;
}
