import { CONTENT_TYPE } from "../../collectors/exposition.ts";
import type { WebAnswer, WebRoute } from "../system/web-server.ts";
import type { Status } from "./status.ts";

export interface PagesTarget {
  /** The whole of /metrics. */
  readonly metrics: () => Promise<string>;
  /** For whoever asks, however many those are. */
  readonly status: () => Promise<Status>;
  readonly ready: () => Status["ready"];
  /** What whoever asks for the readiness should know besides. */
  readonly notice?: () => string | undefined;
  /** Whether the agent gets somewhere: what the watchdog of systemd is fed by. */
  readonly alive: () => boolean;
}

/** What anybody who reaches a listener may read. */
export function pages({ metrics, status, ready, notice, alive }: PagesTarget): Readonly<Record<string, WebRoute>> {
  return {
    "/metrics": async () => ({ type: CONTENT_TYPE, body: await metrics() }),
    "/livez": () => text(alive() ? 200 : 503, alive() ? "alive" : "stuck"),
    "/readyz": () => text(ready() === "yes" ? 200 : 503, told(READY[ready()], notice?.())),
    "/api/v1/status": async () => ({ type: "application/json", body: `${JSON.stringify(await status())}\n` }),
  };
}

const READY = {
  yes: "ready: the network stands",
  degraded: "degraded: the network does not stand",
  no: "not ready yet",
} as const satisfies Record<Status["ready"], string>;

function told(ready: string, notice: string | undefined): string {
  return notice === undefined ? ready : `${ready}\n${notice}`;
}

function text(status: number, body: string): WebAnswer {
  return { status, type: "text/plain; charset=utf-8", body: `${body}\n` };
}
