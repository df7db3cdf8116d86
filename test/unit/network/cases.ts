import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Uuid } from "node-ovsdb";
import { parseFragments } from "../../../agent/config/load.ts";
import { type NetworkConfig, targetOf } from "../../../agent/network/desired.ts";
import type { KernelObserved, Link, Observed } from "../../../agent/network/observed.ts";
import type { AddressTarget, RouteTarget, Target } from "../../../agent/network/target.ts";
import { FakeDatabase } from "../../fakes/database.ts";

const folder = join(import.meta.dirname, "../../cases/network");

type Columns = Readonly<Record<string, unknown>>;
type Link0 = Pick<Link, "name" | "mac" | "up" | "carrier"> & Partial<Link>;

/** A host as a case writes it down: what is left out is empty. Rows are nested as they refer to one another. */
export interface HostFile {
  readonly links?: readonly Link0[];
  readonly addresses?: readonly AddressTarget[];
  readonly routes?: readonly RouteTarget[];
  readonly ledger?: readonly AddressTarget[];
  readonly systemIdFile?: string;
  readonly avoid?: Observed["avoid"];
  readonly external_ids?: Readonly<Record<string, string>>;
  readonly managers?: readonly Columns[];
  readonly bridges?: readonly BridgeFile[];
}

interface PortFile extends Columns {
  readonly interfaces: readonly Columns[];
}

interface BridgeFile extends Columns {
  readonly ports?: readonly PortFile[];
}

/** A folder below test/cases/network. */
export interface Case {
  readonly name: string;
  readonly target: Target;
  readonly observed: Observed;
  /** The content of plan.json. */
  readonly expected: unknown;
}

export function caseNames(): readonly string[] {
  return readdirSync(folder).toSorted();
}

export function readCase(name: string): Case {
  const text = (file: string): string => readFileSync(join(folder, name, file), "utf8");
  const observed = observedOf(JSON.parse(text("observed.json")) as HostFile);
  const target = targetOf(configOf(text("config.yaml")), observed);
  return { name, target, observed, expected: JSON.parse(text("plan.json")) };
}

function configOf(text: string): NetworkConfig {
  const result = parseFragments([{ file: "config.yaml", rank: 2, text }]);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { network, host } = result.settings;
  if (network === undefined) throw new Error("the case has no network");
  return { network, hash: "HASH", revision: 1, ...(host.name === undefined ? {} : { hostName: host.name }) };
}

export function observedOf(file: HostFile): Observed {
  const database = new FakeDatabase();
  const bridges = (file.bridges ?? []).map((bridge) => insertBridge(database, bridge));
  const managers = (file.managers ?? []).map((row) => database.insert("Manager", row));
  const { external_ids = {}, systemIdFile, ledger = [] } = file;
  database.set("Open_vSwitch", database.root._uuid, { bridges, manager_options: managers, external_ids });
  const kernel: KernelObserved = {
    links: (file.links ?? []).map((link) => ({ mtu: 1500, linkLocal: false, ...link })),
    addresses: file.addresses ?? [],
    routes: file.routes ?? [],
  };
  return {
    ovs: database.observe(),
    kernel,
    ledger,
    avoid: file.avoid ?? [],
    ...(systemIdFile === undefined ? {} : { systemIdFile }),
  };
}

function insertBridge(database: FakeDatabase, { ports = [], ...columns }: BridgeFile): Uuid {
  const local = { name: columns.name, interfaces: [{ name: columns.name, type: "internal" }] };
  const uuids = [local, ...ports].map(({ interfaces, ...port }) =>
    database.insert("Port", { ...port, interfaces: interfaces.map((row) => database.insert("Interface", row)) }),
  );
  return database.insert("Bridge", { ...columns, ports: uuids });
}
