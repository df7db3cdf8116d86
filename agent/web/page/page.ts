import type { Clock } from "../../core/clock.ts";
import type { WebRoute } from "../../system/web-server.ts";
import type { Status } from "../status.ts";
import { pageDocument, pageHeaders } from "./document.ts";
import { Feed } from "./feed.ts";
import { Lately } from "./told.ts";
import { type PageView, viewOf } from "./view.ts";

export interface PageTarget {
  /** For whoever asks, however many those are. */
  readonly status: () => Promise<Status>;
  /** As it is now, for the news, which are made once for all. */
  readonly statusNow: () => Promise<Status>;
  /** Called with every event until the returned function is. */
  readonly subscribe: (listener: (event: object) => void) => () => void;
  /** The host's name, as it is now. */
  readonly host: () => string;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** The status page and what keeps it live. It only shows; nothing behind it changes anything. */
export function statusPage(target: PageTarget): Readonly<Record<"/" | "/events", WebRoute>> {
  const { status, statusNow, subscribe, host, clock, onError, signal } = target;
  const lately = new Lately();
  const view = async (look: () => Promise<Status>): Promise<PageView> =>
    viewOf(await look(), { host: host(), at: clock.now(), events: lately.told });
  const feed = new Feed({
    clock,
    compose: async () => `event: status\ndata: ${JSON.stringify(await view(statusNow))}\n\n`,
    onError,
    signal,
  });
  const unsubscribe = subscribe((event) => {
    lately.take(event);
    feed.touch();
  });
  signal.addEventListener("abort", unsubscribe, { once: true });
  return {
    "/": async () => ({
      type: "text/html; charset=utf-8",
      headers: pageHeaders,
      body: pageDocument(await view(status)),
    }),
    "/events": (request) => {
      const { address, query, signal: gone } = request;
      const news = feed.open({ address, ifFree: query.get("if") === "free", gone });
      if (news !== undefined) return { type: "text/event-stream", headers: pageHeaders, body: news };
      const headers = { ...pageHeaders, "retry-after": "5" };
      return { status: 503, type: "text/plain", headers, body: "too many look at this host already\n" };
    },
  };
}
