import type { NetworkPorts } from "./ports.ts";
import type { HistoryEntry, Pending } from "./state.ts";

/** How many changes are remembered. */
const KEPT = 50;

/** Notes how a change ended. For people only: a disk without room for it keeps nobody from going on. */
export async function remember(
  { state, clock }: Pick<NetworkPorts, "state" | "clock">,
  pending: Pick<Pending, "config" | "startedAt" | "changes">,
  result: HistoryEntry["result"],
  reason?: string,
): Promise<void> {
  const { config, startedAt, changes } = pending;
  const entry: HistoryEntry = {
    revision: config.revision,
    hash: config.hash,
    startedAt,
    endedAt: new Date(clock.now()).toISOString(),
    result,
    ...(reason === undefined ? {} : { reason }),
    changes,
  };
  const earlier = (await state.read("history"))?.changes ?? [];
  await state.write("history", { changes: [...earlier, entry].slice(-KEPT) }).catch(() => undefined);
}
