import { isUuid, type NamedUuid, type Uuid } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import { isArray, isObject, show } from "./json.ts";
import type { CountRef, OperationNote, SelectRef } from "./operation.ts";
import { type Database, decodeRow, rowId } from "./schema.ts";
import type { Transaction } from "./transaction.ts";

/** What a committed transaction answered. */
export interface TransactResult {
  /** The rows of a `select`, in the server's order. */
  rows<R>(ref: SelectRef<R>): readonly R[];
  /** How many rows an update, mutation or deletion matched. */
  count(ref: CountRef): number;
  /** The identity that an inserted row got. */
  uuidOf<T extends string>(ref: NamedUuid<T>): Uuid<T>;
}

interface Sent {
  readonly database: Database;
  readonly notes: readonly OperationNote[];
}

/**
 * What is to be sent, as it is at this moment: the transaction may be added to while the answer is on its way. Throws `usage` for an
 * inserted row that would vanish at the commit.
 */
export function snapshot(transaction: Pick<Transaction<Database>, "database" | "notes" | "unreferenced">): Sent {
  const { database, unreferenced } = transaction;
  if (unreferenced !== undefined) {
    const { operation, table } = unreferenced;
    const message = `operation ${operation} (insert ${table}): nothing refers to the row, and ${table} is no root: it would vanish`;
    throw new OvsdbError("usage", message, unreferenced);
  }
  return { database, notes: [...transaction.notes] };
}

/**
 * The answer to `transact` (RFC 7047 section 4.1.3): one element an operation, then nulls from the first failure on, and one
 * element more for an error that only the commit found. Throws `OvsdbError`.
 */
export function readResult(sent: Sent, answer: unknown): TransactResult {
  const errors = isArray(answer) ? answer.entries() : [];
  for (const [index, element] of errors) {
    if (isObject(element) && typeof element.error === "string") throw failure(sent, index, element);
  }
  if (!isArray(answer) || answer.length < sent.notes.length) {
    throw new OvsdbError("protocol", `the answer to transact has a wrong form: ${show(answer)}`, { sent: true });
  }
  sent.notes.forEach((note, index) => {
    if (note.expect === undefined || note.forExpect === true) return;
    const count = countAt(answer, index);
    if (count !== note.expect) throw wrongCount(note, index, count, true);
  });
  const inserted = new Map(sent.notes.map(({ name }, index) => [name, answer[index]] as const));
  return {
    rows: <R>(ref: SelectRef<R>) => readRows(sent.database, ref, answer[ref.operation]),
    count: (ref) => countAt(answer, ref.operation),
    uuidOf: (ref) => insertedUuid(inserted.get(ref), ref),
  };
}

function failure(sent: Sent, index: number, element: Readonly<Record<string, unknown>>): OvsdbError {
  const error = String(element.error);
  const details = typeof element.details === "string" ? element.details : undefined;
  const note = sent.notes[index];
  if (note === undefined) {
    return new OvsdbError("rejected", `the commit failed: ${error}${suffix(details)}`, { error, details, sent: true });
  }
  if (note.forExpect === true) {
    // The caller wrote the operation after it.
    const expecting = sent.notes[index + 1] ?? note;
    if (error === "timed out") return wrongCount(expecting, index + 1, 0, false);
    return refusal(expecting, index + 1, error, details);
  }
  return refusal(note, index, error, details);
}

function refusal(note: OperationNote, index: number, error: string, details: string | undefined): OvsdbError {
  const { table } = note;
  const where = `operation ${index} (${note.op}${table === undefined ? "" : ` ${table}`})`;
  const more = { operation: index, table, error, details, sent: true };
  if (note.op === "wait" && error === "timed out") return new OvsdbError("guard", `${where}: not as expected`, more);
  const kind = note.op === "assert" && error === "not owner" ? "not-owner" : "rejected";
  return new OvsdbError(kind, `${where}: ${error}${suffix(details)}`, more);
}

function suffix(details: string | undefined): string {
  return details === undefined ? "" : `: ${details}`;
}

function wrongCount(note: OperationNote, operation: number, count: number, committed: boolean): OvsdbError {
  const fate = committed ? "the transaction was committed all the same" : "nothing was written";
  const message = `operation ${operation} (${note.op} ${note.table}): ${count} rows instead of ${note.expect}; ${fate}`;
  return new OvsdbError("count", message, { operation, table: note.table, committed, sent: true });
}

function countAt(answer: readonly unknown[], index: number): number {
  const element = answer[index];
  if (isObject(element) && typeof element.count === "number") return element.count;
  throw new OvsdbError("protocol", `operation ${index} has no count: ${show(element)}`, {
    operation: index,
    sent: true,
  });
}

function readRows<R>(database: Database, ref: SelectRef<R>, element: unknown): readonly R[] {
  const { operation, table, columns } = ref;
  if (!isObject(element) || !isArray(element.rows)) {
    throw new OvsdbError("protocol", `operation ${operation} has no rows: ${show(element)}`, { operation, sent: true });
  }
  return element.rows.map((wire) => {
    const id = isObject(wire) && isArray(wire._uuid) ? wire._uuid[1] : undefined;
    const row: unknown = decodeRow(database, table, columns, rowId(table, id), wire);
    // Row types exist only for the compiler; the columns were just decoded by what the type was made from.
    return row as R;
  });
}

function insertedUuid<T extends string>(element: unknown, ref: NamedUuid<T>): Uuid<T> {
  const wire = isObject(element) && isArray(element.uuid) ? element.uuid[1] : undefined;
  if (isUuid<T>(wire)) return wire;
  throw new OvsdbError("usage", `${ref} was not inserted by this transaction`);
}
