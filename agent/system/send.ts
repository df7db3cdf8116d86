import type { ServerResponse } from "node:http";

export interface Patience {
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** A client that takes nothing for so long is dropped, in milliseconds. */
  readonly timeoutMs: number;
}

/** A stream to its end. A client that does not read is waited for, so that nothing piles up here, and not for ever. */
export async function send(
  stream: AsyncIterable<string>,
  outgoing: ServerResponse,
  { signal, timeoutMs }: Patience,
): Promise<void> {
  outgoing.flushHeaders();
  for await (const text of stream) {
    if (signal.aborted) return;
    if (outgoing.write(text)) continue;
    const slow = dropAfter(outgoing, timeoutMs, signal);
    await drained(outgoing, signal);
    clearTimeout(slow);
  }
  if (signal.aborted) return;
  dropAfter(outgoing, timeoutMs, signal);
  outgoing.end();
}

/** Until `gone` is aborted, or the timer that is returned is cleared. */
export function dropAfter(outgoing: ServerResponse, ms: number, gone: AbortSignal): NodeJS.Timeout {
  const slow = setTimeout(() => outgoing.destroy(), ms);
  gone.addEventListener("abort", () => clearTimeout(slow), { once: true });
  return slow;
}

function drained(outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    outgoing.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
