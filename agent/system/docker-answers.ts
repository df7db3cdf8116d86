import * as v from "valibot";
import type { Container, ContainerState, Health } from "../containers/observed.ts";
import type { Inspected } from "../containers/ports.ts";
import { unusable } from "./docker-ask.ts";

/** Where Kolla mounts a container's configuration. */
const CONFIG_FOLDER = "/var/lib/kolla/config_files";

const text = v.nullish(v.string(), "");
const number = v.nullish(v.number(), 0);
const id = v.pipe(v.string(), v.minLength(1));

const listed = v.object({ Id: id, Names: v.nullish(v.array(v.string()), []) });
const health = v.object({
  Status: text,
  FailingStreak: number,
  Log: v.nullish(v.array(v.object({ End: text, Output: text })), []),
});
const container = v.object({
  Id: id,
  Name: v.string(),
  RestartCount: number,
  State: v.object({
    Status: v.string(),
    Pid: number,
    ExitCode: number,
    OOMKilled: v.nullish(v.boolean(), false),
    Error: text,
    StartedAt: text,
    FinishedAt: text,
    Health: v.nullish(health),
  }),
  Config: v.object({
    Image: text,
    Labels: v.nullish(v.record(v.string(), v.string()), {}),
    Env: v.nullish(v.array(v.string()), []),
    Healthcheck: v.nullish(v.object({ Interval: number, Timeout: number })),
  }),
  HostConfig: v.object({
    RestartPolicy: v.nullish(v.object({ Name: text, MaximumRetryCount: number })),
    PidMode: text,
    CgroupnsMode: text,
  }),
  Mounts: v.nullish(v.array(v.object({ Destination: text, Source: text })), []),
});
type Answer = v.InferOutput<typeof container>;

export interface Listed {
  readonly names: ReadonlyMap<string, string>;
  /** Entries that name no container. */
  readonly unreadable: number;
}

/** The answer of `/containers/json`; an entry that says nothing does not hide the others. Throws E_DOCKER_ANSWER. */
export function listedIn(body: Buffer): Listed {
  const list = parsed(body, "list");
  if (!Array.isArray(list)) throw unusable("list", "is no list");
  const names = new Map<string, string>();
  let unreadable = 0;
  for (const entry of list) {
    const { success, output } = v.safeParse(listed, entry);
    if (success) names.set(output.Id, nameOf(output.Names[0] ?? output.Id));
    else unreadable += 1;
  }
  return { names, unreadable };
}

/** The answer of `/info`: where Docker keeps its data, if it says so. Throws E_DOCKER_ANSWER. */
export function folderIn(body: Buffer): string | undefined {
  const { success, output } = v.safeParse(v.object({ DockerRootDir: id }), parsed(body, "info"));
  return success ? output.DockerRootDir : undefined;
}

/** The answer of `/containers/ID/json`. Throws E_DOCKER_ANSWER. */
export function inspectedIn(body: Buffer): Inspected {
  const result = v.safeParse(container, parsed(body, "inspect"), { abortEarly: true });
  if (result.success) return inspected(result.output);
  const [issue] = result.issues;
  throw unusable("inspect", `is not as it should be: ${v.getDotPath(issue) ?? "container"}: ${issue.message}`);
}

function parsed(body: Buffer, what: string): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw unusable(what, body.length === 0 ? "is empty" : "is not JSON", error);
  }
}

function nameOf(name: string): string {
  return name.startsWith("/") ? name.slice(1) : name;
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

function isState(status: string): status is ContainerState {
  return states.has(status);
}

function inspected(info: Answer): Inspected {
  const { State: state, HostConfig: host, Config: config } = info;
  const folder = info.Mounts.find(({ Destination }) => Destination.replace(/\/$/, "") === CONFIG_FOLDER)?.Source;
  const started = timeOf(state.StartedAt);
  const finished = timeOf(state.FinishedAt);
  const healthNow = healthOf(info);
  return {
    id: info.Id,
    name: nameOf(info.Name),
    image: config.Image,
    labels: config.Labels,
    env: environmentOf(config.Env),
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
    ...(healthNow === undefined ? {} : { health: healthNow }),
    hostPid: host.PidMode === "host",
    // Control groups of version 1 have no namespace of their own by default.
    hostCgroup: host.CgroupnsMode !== "private",
    ...(folder ? { configFolder: folder } : {}),
  };
}

function healthOf({ State: { Health: now }, Config: { Healthcheck: check } }: Answer): Health | undefined {
  const status = now?.Status;
  if (!now || (status !== "starting" && status !== "healthy" && status !== "unhealthy")) return undefined;
  const last = now.Log.at(-1);
  return {
    status,
    failingStreak: now.FailingStreak,
    ...(last === undefined ? {} : { lastProbe: last.End, lastOutput: last.Output.slice(0, 500) }),
    intervalMs: (check?.Interval || 30e9) / 1e6,
    timeoutMs: (check?.Timeout || 30e9) / 1e6,
  };
}

/** Docker writes the year 1 for "never". */
function timeOf(time: string): number | undefined {
  const ms = Date.parse(time);
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms;
}

function environmentOf(env: readonly string[]): Container["env"] {
  return Object.fromEntries(env.map((entry) => [entry.split("=", 1)[0] ?? "", entry.slice(entry.indexOf("=") + 1)]));
}
