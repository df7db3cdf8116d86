import type { Problem } from "./core/errors.ts";
import type { Host } from "./host.ts";
import { Uplinks } from "./network/uplinks/uplinks.ts";
import { type Gray, GrayWatch, type WatchOptions } from "./network/uplinks/watch.ts";

/** The watch of the uplinks while it runs. */
export interface UplinksLoop {
  readonly uplinks: Uplinks;
  readonly gray: () => Gray;
  /** Neighbours that are asked when the gateway is silent. */
  readonly witnesses: () => readonly string[];
  /** What a person has to know of the uplinks. */
  readonly problems: () => readonly Problem[];
}

/** Begins to watch the uplinks, until aborted. */
export async function startUplinks(host: Host, options: WatchOptions, signal: AbortSignal): Promise<UplinksLoop> {
  const uplinks = new Uplinks(host.ports, options);
  await uplinks.load();
  const watch = new GrayWatch(host.ports, uplinks, options);
  // Where the bond is at first is no event, and has to be known before it moves.
  const first = await host.ports.ovs.observe(signal).catch(() => undefined);
  if (first !== undefined) uplinks.noticed(first, signal);
  host.ovs.onChange((ovs) => uplinks.noticed(ovs, signal));
  void watch.run(signal);
  return {
    uplinks,
    gray: () => watch.gray,
    witnesses: () => watch.witnesses,
    problems: () => [...watch.problems, ...uplinks.problems],
  };
}
