import { Readable } from "node:stream";
import Dockerode from "dockerode";
import type { Container, ContainerState, Health } from "../containers/observed.ts";
import type { DockerPort, Inspected } from "../containers/ports.ts";
import type { DockerEvent } from "../containers/witness.ts";
import { AgentError } from "../core/errors.ts";

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
const CONFIG_FOLDER = "/var/lib/kolla/config_files";

/** Docker's Engine API on its socket. Nothing is connected before the first call. */
export function openDocker(socketPath: string, callTimeoutMs: () => number): DockerPort {
  const docker = new Dockerode({ socketPath });
  // Takes the signal like every other call, and its types do not say so.
  const info: (options: { readonly abortSignal: AbortSignal }) => Promise<unknown> = docker.info.bind(docker);
  let folder: string | undefined;
  const call = <T>(
    what: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
    ms = callTimeoutMs(),
  ) => bounded(what, ms, signal, work);
  return {
    list: (signal) =>
      call("list", signal, async (abortSignal) => {
        const listed = await docker.listContainers({ all: true, abortSignal });
        // Asked once for each dockerd: it is the dearest question of all.
        folder ??= textOf(await info({ abortSignal }), "DockerRootDir") ?? "/var/lib/docker";
        return { names: new Map(listed.map(({ Id, Names }) => [Id, nameOf(Names[0] ?? Id)])), folder };
      }),
    inspect: (id, signal) =>
      call("inspect", signal, async (abortSignal) => {
        try {
          return inspected(await docker.getContainer(id).inspect({ abortSignal }));
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          throw error;
        }
      }),
    act: (id, action, timeoutMs, signal) => {
      const t = Math.max(1, Math.min(STOP_SECONDS, Math.floor(timeoutMs / 1000) - 5));
      const done = async (abortSignal: AbortSignal): Promise<void> => {
        const container = docker.getContainer(id);
        if (action === "start") await container.start({ abortSignal });
        else await container.restart({ t, abortSignal });
      };
      return call(action, signal, (within) => done(within).catch(alreadySo), timeoutMs);
    },
    logs: (id, lines, signal) =>
      call("logs", signal, async (abortSignal) => {
        const options = { stdout: true, stderr: true, tail: lines, follow: false as const, abortSignal };
        return logLines(await docker.getContainer(id).logs(options), lines);
      }),
    async events(onOpen, onEvent, signal) {
      const filters = { type: ["container" as const], event: interesting };
      const stream = await call("events", signal, async (within) => {
        // Its headers in a bounded time; the stream itself lives as long as it likes.
        const opening = new AbortController();
        const abort = (): void => opening.abort();
        within.addEventListener("abort", abort, { once: true });
        const opened = await docker.getEvents({ filters, abortSignal: AbortSignal.any([signal, opening.signal]) });
        within.removeEventListener("abort", abort);
        return opened;
      });
      const end = (): void => void (stream instanceof Readable && stream.destroy());
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
  const text = cause instanceof Error ? cause.message.trim() : String(cause);
  if (statusOf(cause) !== undefined)
    return new AgentError({ code: "E_DOCKER_REFUSED", message: `Docker refused (${what}): ${text}` }, { cause });
  if (isObject(cause) && cause.code === "ENOENT")
    return new AgentError({ code: "E_DOCKER_ABSENT", message: "Docker does not run: it has no socket" }, { cause });
  const message = `Docker cannot be reached: ${text}`;
  return new AgentError({ code: "E_DOCKER_UNREACHABLE", message, hint: "systemctl status docker" }, { cause });
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("statusCode" in error)) return undefined;
  return typeof error.statusCode === "number" ? error.statusCode : undefined;
}

function textOf(value: unknown, key: string): string | undefined {
  const found = isObject(value) ? value[key] : undefined;
  return typeof found === "string" && found !== "" ? found : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function nameOf(name: string): string {
  return name.startsWith("/") ? name.slice(1) : name;
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
  return text.split("\n").filter(Boolean).slice(-lines);
}

const states: ReadonlySet<string> = new Set([
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "exited",
  "dead",
]);

function isState(text: string): text is ContainerState {
  return states.has(text);
}

function inspected(info: Dockerode.ContainerInspectInfo): Inspected {
  const { State: state, HostConfig: host, Config: config } = info;
  const folder = info.Mounts.find(({ Destination }) => Destination.replace(/\/$/, "") === CONFIG_FOLDER)?.Source;
  const started = timeOf(state.StartedAt);
  const finished = timeOf(state.FinishedAt);
  const health = healthOf(info);
  return {
    id: info.Id,
    name: nameOf(info.Name),
    image: config.Image,
    // Both are null where there are none.
    labels: config.Labels ?? {},
    env: environmentOf(config.Env ?? []),
    state: isState(state.Status) ? state.Status : "dead",
    pid: state.Pid,
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
    error: state.Error,
    ...(started === undefined ? {} : { startedAt: started }),
    ...(finished === undefined ? {} : { finishedAt: finished }),
    restartCount: info.RestartCount,
    policy: {
      name: host.RestartPolicy?.Name || "no",
      maximumRetries: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    ...(health === undefined ? {} : { health }),
    hostPid: host.PidMode === "host",
    // Control groups of version 1 have no namespace of their own by default.
    hostCgroup: textOf(host, "CgroupnsMode") !== "private",
    ...(folder === undefined ? {} : { configFolder: folder }),
  };
}

function healthOf({ State: { Health: health }, Config: config }: Dockerode.ContainerInspectInfo): Health | undefined {
  const status = health?.Status;
  if (health === undefined || (status !== "starting" && status !== "healthy" && status !== "unhealthy"))
    return undefined;
  const last = (health.Log ?? []).at(-1);
  const check = config.Healthcheck;
  return {
    status,
    failingStreak: health.FailingStreak,
    ...(last === undefined ? {} : { lastProbe: String(last.End), lastOutput: last.Output.slice(0, 500) }),
    intervalMs: (check?.Interval || 30e9) / 1e6,
    timeoutMs: (check?.Timeout || 30e9) / 1e6,
  };
}

/** Docker writes the year 1 for "never". */
function timeOf(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms;
}

function environmentOf(env: readonly string[]): Container["env"] {
  return Object.fromEntries(env.map((entry) => [entry.split("=", 1)[0] ?? "", entry.slice(entry.indexOf("=") + 1)]));
}
