import { isPlainObject, type Plain } from "./json.ts";

/** What a monitor's messages mean (RFC 7047 section 4.1.6, ovsdb-server(7) 4.1.14), written to be right and not to be fast. */
export type Style = "update" | "update2";
type Row = Readonly<Record<string, unknown>>;
export type Rows = ReadonlyMap<string, Row>;
export interface Model {
  readonly T: Rows;
  readonly U: Rows;
}

/** The message is not one that a server sends. */
class Odd extends Error {}

function must(condition: boolean): asserts condition {
  if (!condition) throw new Odd();
}

type Reader = (wire: Plain | undefined) => unknown;

/** What the server leaves out of a new row. */
export const initial: Readonly<Record<keyof Model, Readonly<Record<string, Plain>>>> = {
  T: { name: "", count: 0, tag: ["set", []], tags: ["set", []], refs: ["set", []], ids: ["map", []] },
  U: { name: "", sizes: ["map", []] },
};

const readers: Readonly<Record<keyof Model, Readonly<Record<string, Reader>>>> = {
  T: { name: text, count: whole, tag: atMostOne(whole), tags: many(whole), refs: many(reference), ids: pairs(text) },
  U: { name: text, sizes: pairs(whole) },
};

/** The content after a message; undefined for one that no server sends, of which the model says nothing. */
export function modelAfter(model: Model, updates: Plain | undefined, style: Style, fresh: boolean): Model | undefined {
  try {
    must(isPlainObject(updates) && Object.keys(updates).every((table) => table === "T" || table === "U"));
    const after = (table: keyof Model): Rows =>
      tableAfter(table, fresh ? new Map() : model[table], updates[table], style, fresh);
    return { T: after("T"), U: after("U") };
  } catch (thrown) {
    if (thrown instanceof Odd) return undefined;
    throw thrown;
  }
}

function tableAfter(table: keyof Model, before: Rows, updates: Plain | undefined, style: Style, fresh: boolean): Rows {
  const after = new Map(before);
  if (updates === undefined) return after;
  must(isPlainObject(updates));
  for (const [id, update] of Object.entries(updates)) {
    must(isId(id) && isPlainObject(update));
    const row = style === "update" ? replaced(table, update) : changed(table, update, before.get(id));
    // A snapshot has rows and nothing else.
    must(!fresh || (row !== undefined && !("modify" in update) && !("insert" in update)));
    if (row === undefined) after.delete(id);
    else after.set(id, row);
  }
  return after;
}

function replaced(table: keyof Model, { old, new: row, ...more }: { [key: string]: Plain }): Row | undefined {
  must(Object.keys(more).length === 0 && (old !== undefined || row !== undefined));
  return row === undefined ? undefined : readRow(table, row, Object.keys(readers[table]));
}

function changed(table: keyof Model, update: { [key: string]: Plain }, known: Row | undefined): Row | undefined {
  const [kind = "", ...more] = Object.keys(update);
  const wire = update[kind];
  must(more.length === 0 && wire !== undefined);
  if (kind === "delete") {
    must(wire === null);
    return undefined;
  }
  must(isPlainObject(wire));
  if (kind === "initial" || kind === "insert") {
    return readRow(table, { ...initial[table], ...wire }, Object.keys(readers[table]));
  }
  must(kind === "modify" && known !== undefined);
  const said = Object.entries(readRow(table, wire, Object.keys(wire)));
  return { ...known, ...Object.fromEntries(said.map(([name, value]) => [name, applied(known[name], value)])) };
}

function readRow(table: keyof Model, wire: Plain, columns: readonly string[]): Row {
  must(isPlainObject(wire) && Object.keys(wire).every((column) => columns.includes(column)));
  return Object.fromEntries(
    columns.map((column) => {
      const reader = Object.hasOwn(readers[table], column) ? readers[table][column] : undefined;
      must(reader !== undefined && Object.hasOwn(wire, column));
      return [column, reader(wire[column])];
    }),
  );
}

/** A difference of update2 applied: what was there goes, what was not comes, and a key with another value gets it. */
function applied(before: unknown, difference: unknown): unknown {
  if (before instanceof Set && difference instanceof Set)
    return new Set([...before, ...difference].filter((one) => !(before.has(one) && difference.has(one))));
  if (!(before instanceof Map && difference instanceof Map)) return difference;
  const after = new Map<unknown, unknown>(before);
  for (const [key, value] of difference) {
    if (before.get(key) === value) after.delete(key);
    else after.set(key, value);
  }
  return after;
}

function isId(key: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key);
}

function text(wire: Plain | undefined): string {
  must(typeof wire === "string");
  return wire;
}

function whole(wire: Plain | undefined): number {
  must(typeof wire === "number" && Number.isSafeInteger(wire) && !Object.is(wire, -0));
  return wire;
}

function reference(wire: Plain | undefined): string {
  must(Array.isArray(wire) && wire.length === 2 && wire[0] === "uuid");
  const id = text(wire[1]);
  must(isId(id));
  return id;
}

function many(member: Reader): Reader {
  return (wire) => {
    const list = (listIn(wire, "set") ?? [wire]).map(member);
    must(new Set(list).size === list.length);
    return new Set(list);
  };
}

function atMostOne(member: Reader): Reader {
  return (wire) => {
    const list = (listIn(wire, "set") ?? [wire]).map(member);
    must(list.length <= 1);
    return list[0];
  };
}

function pairs(key: Reader): Reader {
  return (wire) => {
    const list = listIn(wire, "map");
    must(list !== undefined);
    const entries = list.map((pair): [unknown, unknown] => {
      must(Array.isArray(pair) && pair.length === 2);
      return [key(pair[0]), text(pair[1])];
    });
    const read = new Map(entries);
    must(read.size === entries.length);
    return read;
  };
}

function listIn(wire: Plain | undefined, tag: string): readonly Plain[] | undefined {
  if (!Array.isArray(wire) || wire.length !== 2 || wire[0] !== tag) return undefined;
  return Array.isArray(wire[1]) ? wire[1] : undefined;
}
