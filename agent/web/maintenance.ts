import type { MaintenanceStatus } from "./status.ts";

/** One line for whoever looks at this host. */
export function describeMaintenance({ by, until, reason }: MaintenanceStatus): string {
  const why = reason === undefined ? (by === "configuration" ? " (the configuration says so)" : "") : `: ${reason}`;
  return `maintenance until ${new Date(until).toISOString().slice(0, 19)}Z${why}`;
}
