import type { PlainWhere } from "./condition.ts";
import type { Json } from "./json.ts";
import type { PlainSelection } from "./store.ts";

/** The requests by which a server can be made to tell of changes, from the newest to RFC 7047's. */
export const monitorMethods = ["monitor_cond_since", "monitor_cond", "monitor"] as const;
export type MonitorMethod = (typeof monitorMethods)[number];

/** The notifications that follow each of them. */
export const updateMethods: Readonly<Record<MonitorMethod, string>> = {
  monitor_cond_since: "update3",
  monitor_cond: "update2",
  monitor: "update",
};

/** No transaction: what a database without a history says, and what asks for everything. */
export const NO_TRANSACTION = "00000000-0000-0000-0000-000000000000";

/** The tables and the columns and rows of each, as the requests to monitor take them. */
export function monitorRequests(method: MonitorMethod, selection: PlainSelection, where: PlainWhere): Json {
  const tables = Object.entries(selection).map(([table, columns]) => {
    const conditions = where[table];
    const request = method === "monitor" || conditions === undefined ? { columns } : { columns, where: conditions };
    return [table, method === "monitor" ? request : [request]] as const;
  });
  return Object.fromEntries(tables);
}

/** Every table's conditions, as `monitor_cond_change` takes them: a table that it leaves out would keep those that it has. */
export function changeRequests(selection: PlainSelection, where: PlainWhere): Json {
  return Object.fromEntries(Object.keys(selection).map((table) => [table, [{ where: where[table] ?? [true] }]]));
}
