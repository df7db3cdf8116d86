import type { Reconciler } from "../core/reconciler.ts";
import type { Network } from "../network/network.ts";
import type { Route } from "../system/http.ts";
import type { Status } from "./status.ts";

export interface ControlTarget {
  readonly network: Network;
  readonly reconciler: Reconciler;
  readonly reload: () => Promise<void>;
  readonly status: () => Promise<Status>;
  /** Tries the controller's last configuration again, although it failed. */
  readonly retryController: () => void;
  /** Called with every event until the returned function is. */
  readonly subscribe: (listener: (event: object) => void) => () => void;
}

/** What can be asked of the daemon by whoever may open the control socket. */
export function controlRoutes({
  network,
  reconciler,
  reload,
  status,
  retryController,
  subscribe,
}: ControlTarget): Readonly<Record<string, Route>> {
  return {
    "GET /v1/status": async () => status(),
    "GET /v1/events": (_body, signal) => events(subscribe, signal),
    "POST /v1/reload": async () => {
      await reload();
      return status();
    },
    "POST /v1/network/apply": async (body) => {
      if (isObject(body) && body.retry === true) network.retry();
      await reload();
      await reconciler.pass();
      return status();
    },
    "POST /v1/controller/retry": async () => {
      retryController();
      return status();
    },
    "POST /v1/network/confirm": async () => say(network, "confirm", status),
    "POST /v1/network/rollback": async () => say(network, "rollback", status),
  };
}

async function say(network: Network, word: "confirm" | "rollback", status: () => Promise<Status>) {
  const pending = network.change?.pending.id ?? null;
  network.change?.say(word);
  return { pending, status: await status() };
}

async function* events(subscribe: ControlTarget["subscribe"], signal: AbortSignal): AsyncGenerator<object> {
  const queue: object[] = [];
  let wake: () => void = () => undefined;
  const unsubscribe = subscribe((event) => {
    queue.push(event);
    wake();
  });
  signal.addEventListener("abort", () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      yield* queue.splice(0);
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (queue.length > 0 || signal.aborted) resolve();
      });
    }
  } finally {
    unsubscribe();
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
