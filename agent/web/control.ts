import { AgentError } from "../core/errors.ts";
import type { Reconciler } from "../core/reconciler.ts";
import type { Network } from "../network/network.ts";
import type { Uplinks } from "../network/uplinks/uplinks.ts";
import type { Route } from "../system/http.ts";
import type { Status } from "./status.ts";

export interface ControlTarget {
  readonly network: Network;
  readonly reconciler: Reconciler;
  readonly reload: () => Promise<void>;
  readonly status: () => Promise<Status>;
  /** Tries the controller's last configuration again, although it failed. */
  readonly retryController: () => void;
  /** Absent until the network stood once. */
  readonly uplinks: () => Uplinks | undefined;
  readonly maintenance: {
    on(forMs: number, reason: string | undefined): Promise<void>;
    off(): Promise<boolean>;
  };
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
  uplinks,
  maintenance,
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
      if (isObject(body)) {
        network.ask({
          retry: body.retry === true,
          force: body.force === true,
          byOperator: body.byOperator === true,
          adopt: body.adopt === true,
        });
      }
      await reload();
      await reconciler.pass();
      return status();
    },
    "POST /v1/controller/retry": async () => {
      retryController();
      return status();
    },
    "POST /v1/maintenance/on": async (body) => {
      const { forMs, reason } = maintenanceOf(body);
      await maintenance.on(forMs, reason);
      return status();
    },
    "POST /v1/maintenance/off": async () => {
      await maintenance.off();
      return status();
    },
    "POST /v1/network/drain": async (body, signal) => {
      const { nic, forMs } = drainOf(body);
      await begun(uplinks()).drain(nic, forMs, signal);
      return status();
    },
    "POST /v1/network/undrain": async (body, signal) => {
      const wasDrained = await begun(uplinks()).undrain(drainOf(body).nic, signal);
      return { wasDrained, status: await status() };
    },
    "POST /v1/network/confirm": async () => say(network, "confirm", status),
    "POST /v1/network/rollback": async () => say(network, "rollback", status),
  };
}

function begun(uplinks: Uplinks | undefined): Uplinks {
  if (uplinks !== undefined) return uplinks;
  throw new AgentError({
    code: "E_NETWORK_STARTING",
    message: "the agent has only just started, and does not watch the uplinks yet",
    hint: "Try again in a few seconds.",
  });
}

function maintenanceOf(body: unknown): { readonly forMs: number; readonly reason?: string } {
  if (isObject(body) && typeof body.forMs === "number" && body.forMs > 0) {
    const { forMs, reason } = body;
    return typeof reason === "string" ? { forMs, reason } : { forMs };
  }
  throw new AgentError({ code: "E_CONTROL_BODY", message: "expected a duration in milliseconds", path: "forMs" });
}

/** What the command line sends: it has checked the form. */
function drainOf(body: unknown): { readonly nic: string; readonly forMs: number } {
  if (isObject(body) && typeof body.nic === "string") {
    const forMs = typeof body.forMs === "number" && body.forMs > 0 ? body.forMs : 0;
    return { nic: body.nic, forMs };
  }
  throw new AgentError({ code: "E_CONTROL_BODY", message: "expected the name of a NIC", path: "nic" });
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
