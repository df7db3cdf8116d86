import Dockerode from "dockerode";
import type { DockerPort } from "../containers/ports.ts";
import type { DockerEvent } from "../containers/witness.ts";
import { AgentError } from "../core/errors.ts";
import { folderIn, inspectedIn, listedIn } from "./docker-answers.ts";
import { ask, open, type Question, Refusal, unusable } from "./docker-ask.ts";
import type { Awake } from "./docker-unit.ts";

/** The events that tell something; `exec_create` shows a deployer at work. */
const interesting = [
  "create",
  "destroy",
  "die",
  "exec_create",
  "health_status",
  "kill",
  "oom",
  "pause",
  "rename",
].concat(["restart", "start", "stop", "unpause"]);
/** A container's labels come with each of its events. */
const MAX_EVENT = 1024 * 1024;
/** How long Kolla gives a container to stop; Docker's own default of 10 s would cut that short. */
const STOP_SECONDS = 60;
const MIB = 1024 * 1024;
const MAX_LIST = 64 * MIB;
const MAX_ANSWER = 4 * MIB;
/** Of a line of a container's output: it goes into the journal. */
const MAX_LINE = 4096;

/** Calls about one container come in dozens after a list: what was told a moment ago counts for them. */
const AWAKE_MS = 1_000;

/** Docker's Engine API on its socket. Nothing is connected before the first call, and nothing that `awake` refuses. */
export function openDocker(socketPath: string, callTimeoutMs: () => number, awake: Awake): DockerPort {
  const docker = new Dockerode({ socketPath });
  let folder: string | undefined;
  const call = <T>(
    what: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
    ms = callTimeoutMs(),
  ) => {
    const maxAgeMs = what === "inspect" || what === "logs" ? AWAKE_MS : 0;
    return bounded(what, ms, signal, async (within) => {
      await awake(maxAgeMs);
      within.throwIfAborted();
      return await work(within);
    });
  };
  const asked = (what: string, path: string, signal: AbortSignal, limit = MAX_ANSWER): Promise<Buffer> =>
    ask(docker, { what, method: "GET", path }, limit, signal);
  return {
    list: (signal) =>
      call("list", signal, async (within) => {
        const { names, unreadable } = listedIn(await asked("list", "/containers/json?all=true", within, MAX_LIST));
        // Asked once for each dockerd: it is the dearest question of all.
        folder ??= folderIn(await asked("info", "/info", within)) ?? "/var/lib/docker";
        if (unreadable === 0) return { names, folder };
        const { problem } = unusable("list", `has entries that name no container: ${unreadable}`);
        return { names, folder, problem };
      }),
    inspect: (id, signal) =>
      call("inspect", signal, async (within) => {
        try {
          return inspectedIn(await asked("inspect", `/containers/${encodeURIComponent(id)}/json`, within));
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          throw error;
        }
      }),
    act: (id, action, timeoutMs, signal) => {
      const t = Math.max(1, Math.min(STOP_SECONDS, Math.floor(timeoutMs / 1000) - 5));
      const path = `/containers/${encodeURIComponent(id)}/${action === "start" ? "start" : `restart?t=${t}`}`;
      const done = async (within: AbortSignal): Promise<void> => {
        await ask(docker, { what: action, method: "POST", path }, MAX_ANSWER, within).catch(alreadySo);
      };
      return call(action, signal, done, timeoutMs);
    },
    logs: (id, lines, signal) =>
      call("logs", signal, async (within) => {
        const path = `/containers/${encodeURIComponent(id)}/logs?stdout=true&stderr=true&tail=${lines}`;
        return logLines(await asked("logs", path, within), lines);
      }),
    async events(onOpen, onEvent, signal) {
      const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: interesting }));
      const question: Question = { what: "events", method: "GET", path: `/events?filters=${filters}` };
      const stream = await call("events", signal, async (within) => {
        // Its headers in a bounded time; the stream itself lives as long as it likes.
        const opening = new AbortController();
        const abort = (): void => opening.abort();
        within.addEventListener("abort", abort, { once: true });
        const opened = await open(docker, question, AbortSignal.any([signal, opening.signal]));
        within.removeEventListener("abort", abort);
        return opened;
      });
      const end = (): void => void stream.destroy();
      signal.addEventListener("abort", end, { once: true });
      folder = undefined;
      onOpen();
      try {
        for await (const line of linesOf(stream)) {
          const event = eventOf(line);
          if (event !== undefined) onEvent(event);
        }
      } finally {
        signal.removeEventListener("abort", end);
        end();
      }
    },
  };
}

/** Docker answers 304 where it is so already. */
function alreadySo(error: unknown): void {
  if (statusOf(error) !== 304) throw error;
}

async function bounded<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const late = AbortSignal.timeout(timeoutMs);
  const both = AbortSignal.any([signal, late]);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(both.reason);
  both.addEventListener("abort", abort, { once: true });
  try {
    // The package settles nothing when a connection is given up in the middle of an answer.
    return await Promise.race([work(both), aborted]);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw dockerError(what, error, late.aborted ? timeoutMs : undefined);
  } finally {
    both.removeEventListener("abort", abort);
    aborted.catch(() => undefined);
  }
}

function dockerError(what: string, cause: unknown, timeoutMs: number | undefined): AgentError {
  if (timeoutMs !== undefined) {
    const message = `Docker did not answer (${what}) in ${timeoutMs} ms`;
    const hint = "Is dockerd or containerd stopped or overloaded? systemctl status docker containerd";
    return new AgentError({ code: "E_DOCKER_TIMEOUT", message, hint }, { cause });
  }
  if (cause instanceof AgentError) return cause;
  const text = cause instanceof Error ? cause.message.trim() : String(cause);
  if (statusOf(cause) !== undefined)
    return new AgentError({ code: "E_DOCKER_REFUSED", message: `Docker refused (${what}): ${text}` }, { cause });
  if (isObject(cause) && cause.code === "ENOENT") {
    const socket = textOf(cause, "address");
    const message = `Docker does not run: there is no socket${socket === undefined ? "" : ` ${socket}`}`;
    return new AgentError({ code: "E_DOCKER_ABSENT", message, hint: "systemctl status docker" }, { cause });
  }
  const message = `Docker cannot be reached: ${text}`;
  return new AgentError({ code: "E_DOCKER_UNREACHABLE", message, hint: "systemctl status docker" }, { cause });
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Refusal ? error.statusCode : undefined;
}

function textOf(value: unknown, key: string): string | undefined {
  const found = isObject(value) ? value[key] : undefined;
  return typeof found === "string" && found !== "" ? found : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncIterable<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_EVENT)
      throw new AgentError({ code: "E_DOCKER_REFUSED", message: "an event of Docker has no end" });
    yield* lines;
  }
}

/** One line of `/events`; what is none is left out: a list of everything follows anyway. */
export function eventOf(line: string): DockerEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const actor = isObject(value) ? value.Actor : undefined;
  const action = textOf(value, "Action");
  const id = textOf(actor, "ID");
  if (action === undefined || id === undefined || !isObject(actor)) return undefined;
  const raw = isObject(actor.Attributes) ? actor.Attributes : {};
  const attributes = Object.fromEntries(Object.entries(raw).map(([key, text]) => [key, String(text)]));
  return { action, id, name: attributes.name ?? "", attributes };
}

/** The output of a container without a terminal comes in frames: one byte of stream, three of nothing, four of length. */
export function logLines(raw: Buffer, lines: number): readonly string[] {
  const texts: string[] = [];
  let at = 0;
  while (at + 8 <= raw.length && raw.readUInt8(at) <= 2 && raw.readUIntBE(at + 1, 3) === 0) {
    const length = raw.readUInt32BE(at + 4);
    texts.push(raw.toString("utf8", at + 8, at + 8 + length));
    at += 8 + length;
  }
  const text = texts.length === 0 ? raw.toString("utf8") : texts.join("");
  const last = text.split("\n").filter(Boolean).slice(-lines);
  return last.map((line) => line.slice(0, MAX_LINE));
}
