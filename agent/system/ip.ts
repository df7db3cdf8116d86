import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { AgentError } from "../core/errors.ts";
import type { KernelWhole } from "../network/kernel.ts";
import type { KernelObserved } from "../network/observed.ts";
import type { KernelPort } from "../network/ports.ts";
import { type AddressTarget, ROUTE_PROTOCOL, type RouteTarget } from "../network/target.ts";
import { killGroup, letGo } from "./group.ts";
import { type IpLink, linkOf } from "./ip-link.ts";
import { lookAtAll } from "./ip-whole.ts";
import { PIPES_MS, type Ran, run } from "./run.ts";

const TIMEOUT_MS = 5_000;
const LOOK = `address show\nroute show table all proto ${ROUTE_PROTOCOL}\n`;
/** The lines that a look is answered with: a JSON array of links, and one of routes. */
const LINES = 2;

/** An `ip -batch` that has read nothing yet: it looks up a device when it reads the line that names it. */
interface Batch {
  readonly feed: (input: string) => void;
  readonly cut: AbortController;
  readonly ran: Promise<Ran>;
}

interface Waiting {
  readonly resolve: (text: string) => void;
  readonly reject: (error: AgentError) => void;
}

/**
 * Links, addresses and routes through iproute2. One `ip -batch` stays and answers every look, since a process for each would
 * cost more than all the rest of a pass. Changes get a process of their own: the one that stays remembers the indexes of
 * devices by name, and a device that was made anew has another.
 */
export class Ip implements KernelPort {
  #child: ChildProcessWithoutNullStreams | undefined;
  readonly #waiting: Waiting[] = [];
  #prepared: Batch | undefined;

  /** Starts the process that answers looks, so that the first one finds it there. */
  open(): ChildProcessWithoutNullStreams {
    this.#child ??= this.#start();
    return this.#child;
  }

  async observe(signal: AbortSignal): Promise<KernelObserved> {
    signal.throwIfAborted();
    const child = this.open();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.push({ resolve, reject });
    const timer = setTimeout(() => killGroup(child), TIMEOUT_MS);
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    child.stdin.write(LOOK);
    try {
      return parseIp(await promise);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  async whole(signal: AbortSignal): Promise<KernelWhole> {
    return lookAtAll(signal);
  }

  prepare(): void {
    if (this.#prepared !== undefined) return;
    const batch = startBatch();
    this.#prepared = batch;
    // One that ended before it was needed is of no use.
    const forget = (): void => {
      if (this.#prepared === batch) this.#prepared = undefined;
    };
    batch.ran.then(forget, forget);
  }

  async batch(lines: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    const { feed, cut, ran } = this.#prepared ?? startBatch();
    this.#prepared = undefined;
    const abort = (): void => cut.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    feed(`${lines.join("\n")}\n`);
    const { code, stderr } = await ran.finally(() => signal.removeEventListener("abort", abort));
    if (code === 0) return [];
    return stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Command failed"));
  }

  close(): void {
    this.#prepared?.cut.abort();
    if (this.#child === undefined) return;
    killGroup(this.#child);
    letGo(this.#child);
  }

  #start(): ChildProcessWithoutNullStreams {
    const child = spawn("ip", ["-json", "-details", "-force", "-batch", "-"], { detached: true });
    const said: string[] = [];
    let complaint = "";
    let rest = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      said.push(...lines.filter((line) => line !== ""));
      while (said.length >= LINES) this.#waiting.shift()?.resolve(said.splice(0, LINES).join("\n"));
    });
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-1_000);
    });
    let over = false;
    const ended = (cause?: NodeJS.ErrnoException): void => {
      if (over) return;
      over = true;
      if (this.#child === child) this.#child = undefined;
      for (const { reject } of this.#waiting.splice(0)) reject(failed(complaint, cause));
      letGo(child);
    };
    child.stdin.on("error", () => undefined);
    child.once("error", ended);
    child.once("close", () => ended());
    // A process that it left behind may hold its pipes.
    child.once("exit", () => setTimeout(ended, PIPES_MS).unref());
    return child;
  }
}

function startBatch(): Batch {
  const { promise: input, resolve: feed } = Promise.withResolvers<string>();
  const cut = new AbortController();
  const { signal } = cut;
  return { feed, cut, ran: run("ip", ["-force", "-batch", "-"], { input, signal, timeoutMs: TIMEOUT_MS }) };
}

function failed(complaint: string, cause?: NodeJS.ErrnoException): AgentError {
  if (cause?.code === "ENOENT")
    return new AgentError({ code: "E_TOOL_MISSING", message: "ip is not installed" }, { cause });
  const why = complaint.trim() || (cause?.message ?? "it ended");
  return new AgentError({ code: "E_IP_FAILED", message: `ip could not list the network: ${why}` }, { cause });
}

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

/** The output of the batch: a JSON array of links, then one of routes, each on a line. */
export function parseIp(text: string): KernelObserved {
  const [links, routes] = text
    .split("\n")
    .filter((line) => line.startsWith("["))
    .map((line): unknown => JSON.parse(line));
  if (!isListOf<IpLink>(links, "ifname") || !isListOf<IpRoute>(routes, "dst")) {
    throw new AgentError({
      code: "E_IP_FAILED",
      message: `ip printed something else than links and routes: ${text.slice(0, 200)}`,
      hint: "iproute2 5.0 or newer is needed",
    });
  }
  return { links: links.map(linkOf), addresses: links.flatMap(addressesOf), routes: routes.flatMap(routeOf) };
}

function isListOf<T>(value: unknown, key: keyof T & string): value is T[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "object" && entry !== null && key in entry);
}

function addressesOf(link: IpLink): AddressTarget[] {
  return link.addr_info
    .filter(({ scope }) => scope === "global")
    .map(({ local, prefixlen }) => ({ device: link.ifname, address: `${local}/${prefixlen}` }));
}

function routeOf({ dst, gateway, dev }: IpRoute): RouteTarget[] {
  // A route of our protocol without a gateway is not one that we make.
  if (gateway === undefined || dev === undefined) return [];
  // iproute2 leaves the prefix of a single host out.
  const host = dst === "default" || dst.includes("/") ? "" : dst.includes(":") ? "/128" : "/32";
  return [{ to: `${dst}${host}`, via: gateway, device: dev }];
}
