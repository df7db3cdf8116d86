import { isUuid, type Json, type Transaction, type Uuid } from "node-ovsdb";
import { AgentError } from "../../agent/core/errors.ts";
import type { OvsObserved } from "../../agent/network/observed.ts";
import {
  type BridgeRow,
  type InterfaceRow,
  type ManagerRow,
  type OpenVswitchRow,
  type PortRow,
  type Vswitch,
  vswitch,
} from "../../agent/network/schema.ts";

type TableName = keyof Vswitch["tables"];
type Row = Readonly<Record<string, unknown>> & { readonly _uuid: Uuid };
type Tables = Map<TableName, Map<Uuid, Row>>;

/** One operation of RFC 7047 section 5.2, in wire form. */
interface Operation {
  readonly op: string;
  readonly table?: TableName;
  readonly where?: readonly (readonly [string, string, Json])[];
  readonly row?: Readonly<Record<string, Json>>;
  readonly rows?: readonly Readonly<Record<string, Json>>[];
  readonly columns?: readonly string[];
  readonly until?: string;
  readonly mutations?: readonly (readonly [string, string, Json])[];
  readonly "uuid-name"?: string;
}

const tableNames = Object.keys(vswitch.tables) as TableName[];
const booleans = new Set(["stp_enable", "rstp_enable"]);
const integers = new Set(["next_cfg", "cur_cfg", "bond_updelay", "bond_downdelay"]);
/** Where a table's rows are referred to from: a row that nothing refers to vanishes at the commit. */
const parents: readonly (readonly [child: TableName, parent: TableName, column: string])[] = [
  ["Manager", "Open_vSwitch", "manager_options"],
  ["Bridge", "Open_vSwitch", "bridges"],
  ["Port", "Bridge", "ports"],
  ["Interface", "Port", "interfaces"],
];

/**
 * The database of Open vSwitch in memory, with as much of ovsdb-server as the agent's transactions use: all or nothing, guards,
 * garbage collection, unique names.
 */
export class FakeDatabase {
  #tables: Tables = new Map(tableNames.map((name) => [name, new Map<Uuid, Row>()]));
  #serial = 0;

  constructor() {
    this.insert("Open_vSwitch", { ovs_version: ["3.1.0"] });
  }

  get root(): OpenVswitchRow {
    const [row] = this.rows<OpenVswitchRow>("Open_vSwitch");
    if (row === undefined) throw new TypeError("the database has no root row");
    return row;
  }

  observe(): OvsObserved {
    return {
      root: this.root,
      bridges: this.rows<BridgeRow>("Bridge"),
      ports: this.rows<PortRow>("Port"),
      interfaces: this.rows<InterfaceRow>("Interface"),
      managers: this.rows<ManagerRow>("Manager"),
    };
  }

  rows<R extends { readonly _uuid: Uuid }>(table: TableName): readonly R[] {
    const rows = [...this.#table(this.#tables, table).values()];
    if (!areRows<R>(rows)) throw new TypeError(table);
    return rows;
  }

  /** What a person does with `ovs-vsctl`: a row with these columns. */
  insert(table: TableName, values: Readonly<Record<string, unknown>>): Uuid {
    const uuid = this.#uuid();
    this.#table(this.#tables, table).set(uuid, { ...emptyRow(table), ...values, _uuid: uuid });
    return uuid;
  }

  set(table: TableName, uuid: Uuid, values: Readonly<Record<string, unknown>>): void {
    const rows = this.#table(this.#tables, table);
    const row = rows.get(uuid);
    if (row === undefined) throw new TypeError(`${table} has no row ${uuid}`);
    rows.set(uuid, { ...row, ...values, _uuid: uuid });
  }

  remove(table: TableName, uuid: Uuid): void {
    this.#table(this.#tables, table).delete(uuid);
  }

  /** Carries out a transaction as ovsdb-server does. Throws E_OVSDB_CHANGED for a guard that fails. */
  execute({ operations }: Transaction<Vswitch>): void {
    const tables: Tables = new Map([...this.#tables].map(([name, rows]) => [name, new Map(rows)]));
    const named = new Map<string, Uuid>();
    for (const json of operations) {
      const name = operationOf(json)["uuid-name"];
      if (name !== undefined) named.set(name, this.#uuid());
    }
    for (const json of operations) this.#one(tables, operationOf(resolve(json, named)), named);
    collect(tables);
    checkNames(tables);
    this.#tables = tables;
  }

  #one(tables: Tables, operation: Operation, named: ReadonlyMap<string, Uuid>): void {
    const { op, table = "Open_vSwitch" } = operation;
    const rows = this.#table(tables, table);
    const found = [...rows.values()].filter((row) => selected(row, table, operation.where ?? []));
    switch (op) {
      case "assert":
      case "comment":
      case "select":
        return;
      case "wait":
        guard(found, table, operation);
        return;
      case "insert": {
        const uuid = named.get(operation["uuid-name"] ?? "") ?? this.#uuid();
        rows.set(uuid, { ...emptyRow(table), ...decoded(table, operation.row ?? {}), _uuid: uuid });
        return;
      }
      case "update":
        for (const row of found) rows.set(row._uuid, { ...row, ...decoded(table, operation.row ?? {}) });
        return;
      case "mutate":
        for (const row of found) rows.set(row._uuid, mutated(row, table, operation.mutations ?? []));
        return;
      default:
        throw new TypeError(`this database does not know ${op}`);
    }
  }

  #table(tables: Tables, name: TableName): Map<Uuid, Row> {
    const rows = tables.get(name);
    if (rows === undefined) throw new TypeError(`there is no table ${name}`);
    return rows;
  }

  #uuid(): Uuid {
    this.#serial += 1;
    const text = `00000000-0000-4000-8000-${this.#serial.toString(16).padStart(12, "0")}`;
    if (!isUuid(text)) throw new TypeError(text);
    return text;
  }
}

/** Rows are made with every declared column of their table, so that they have the types that the schema gives them. */
function areRows<R>(rows: unknown): rows is readonly R[] {
  return isArray(rows);
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function operationOf(json: unknown): Operation {
  if (isOperation(json)) return json;
  throw new TypeError(`not an operation: ${JSON.stringify(json)}`);
}

function isOperation(json: unknown): json is Operation {
  return typeof json === "object" && json !== null && "op" in json;
}

function emptyRow(table: TableName): Record<string, unknown> {
  const columns = Object.entries(vswitch.tables[table]);
  return Object.fromEntries(
    columns.map(([name, { shape }]) => {
      if (shape === "map") return [name, {}];
      if (shape === "set") return [name, []];
      return [name, booleans.has(name) ? false : integers.has(name) ? 0 : ""];
    }),
  );
}

/** Wire form with every `named-uuid` replaced by the row's identity. */
function resolve(json: Json, named: ReadonlyMap<string, Uuid>): Json {
  if (Array.isArray(json)) {
    const [tag, name] = json as readonly Json[];
    const uuid = tag === "named-uuid" && typeof name === "string" ? named.get(name) : undefined;
    return uuid === undefined ? (json as readonly Json[]).map((part) => resolve(part, named)) : ["uuid", uuid];
  }
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, resolve(value, named)]));
}

function decode(table: TableName, column: string, wire: Json): unknown {
  const columns: Readonly<Record<string, { decode(wire: unknown): unknown }>> = vswitch.tables[table];
  const type = columns[column];
  if (type === undefined) throw new TypeError(`${table} has no column ${column}`);
  return type.decode(wire);
}

function decoded(table: TableName, row: Readonly<Record<string, Json>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([column, wire]) => [column, decode(table, column, wire)]));
}

function selected(row: Row, table: TableName, where: NonNullable<Operation["where"]>): boolean {
  return where.every(([column, , wire]) => {
    if (column === "_uuid") return Array.isArray(wire) && wire[1] === row._uuid;
    return equal(row[column], decode(table, column, wire));
  });
}

function guard(found: readonly Row[], table: TableName, { rows = [], until }: Operation): void {
  const wanted = rows.map((row) => decoded(table, row));
  const same =
    wanted.length === found.length &&
    wanted.every((want) => found.some((row) => Object.keys(want).every((key) => equal(row[key], want[key]))));
  if (same === (until === "==")) return;
  throw new AgentError({ code: "E_OVSDB_CHANGED", message: `a guard on ${table} failed` });
}

function mutated(row: Row, table: TableName, mutations: NonNullable<Operation["mutations"]>): Row {
  const columns: Record<string, unknown> = { ...row };
  for (const [column, mutator, wire] of mutations) {
    const now = columns[column];
    if (mutator === "+=") columns[column] = Number(now) + Number(wire);
    else if (isArray(now)) {
      const members = decode(table, column, wire) as readonly unknown[];
      const others = now.filter((member) => !members.includes(member));
      columns[column] = mutator === "insert" ? [...others, ...members] : others;
    } else columns[column] = mutatedMap(now as Readonly<Record<string, string>>, mutator, wire);
  }
  return { ...columns, _uuid: row._uuid };
}

function mutatedMap(now: Readonly<Record<string, string>>, mutator: string, wire: Json): Record<string, string> {
  const [, entries] = wire as readonly [string, readonly Json[]];
  if (mutator === "delete") {
    const gone: readonly unknown[] = entries.map((entry) => (isArray(entry) ? entry[0] : entry));
    return Object.fromEntries(Object.entries(now).filter(([key]) => !gone.includes(key)));
  }
  // An insert leaves a key that is there as it is (RFC 7047 section 5.1, <mutation>).
  return { ...Object.fromEntries(entries as readonly (readonly [string, string])[]), ...now };
}

function collect(tables: Tables): void {
  for (const [child, parent, column] of parents) {
    const kept = new Set([...(tables.get(parent)?.values() ?? [])].flatMap((row) => row[column]));
    for (const uuid of tables.get(child)?.keys() ?? []) if (!kept.has(uuid)) tables.get(child)?.delete(uuid);
  }
}

function checkNames(tables: Tables): void {
  for (const table of ["Bridge", "Port", "Interface"] as const) {
    const names = [...(tables.get(table)?.values() ?? [])].map((row) => row.name);
    if (new Set(names).size < names.length) {
      throw new AgentError({
        code: "E_OVSDB_REFUSED",
        message: `two rows of ${table} have one name: ${names.join(", ")}`,
      });
    }
  }
}

function equal(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((member) => b.includes(member));
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
