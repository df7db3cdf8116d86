import { type Collector, collector, type HostFiles, type Metric, perRow, type Value } from "../collector.ts";
import { Groups } from "./group.ts";

/** A container as the agent knows it. main.ts fills this from the containers capability. */
export interface ContainerState {
  /** Docker's identifier, all 64 digits. */
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** Docker's word: created, running, paused, restarting, removing, exited, dead. */
  readonly state: string;
  /** Absent: it has no health check. */
  readonly health?: "starting" | "healthy" | "unhealthy" | "stale";
  /** Milliseconds since the epoch; absent if it never ran. */
  readonly startedAt?: number;
  /** Milliseconds since the epoch. */
  readonly seenAt: number;
  /** By its owner, since it was created. */
  readonly restarts: number;
  /** What the agent makes of it, and why. */
  readonly verdict: string;
  readonly reason: string;
}

export interface ContainerSource {
  /** Undefined while Docker was not seen yet; rejects when it cannot be observed. */
  containers(): Promise<readonly ContainerState[] | undefined>;
  /** The first process of each container that runs, by the container's identifier. */
  processes(): ReadonlyMap<string, number>;
}

interface Row extends ContainerState {
  /** Path of its control group; absent while it does not run. */
  readonly group?: string;
}
type Containers = readonly Row[];

/** Every word that Docker has for the state of a container: a series for each, so that one that went away is seen to. */
const STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/** cAdvisor's `id` is the path of the control group; it has none of what does not run. */
const labelsOf = ({ id, group, image, name }: Row): readonly string[] => [group ?? `/docker/${id}`, image, name];

const metric = (name: string, help: string, value: (row: Row) => Value | undefined): Metric<Containers> => ({
  name: `container_${name}`,
  help,
  type: "gauge",
  labels: ["id", "image", "name"],
  samples: (containers) => perRow(containers, labelsOf, value),
});

const metrics: readonly Metric<Containers>[] = [
  metric("health_state", "The result of the container's health check: 1 healthy, 0 not, -1 without a check.", (row) =>
    row.health === undefined ? -1 : row.health === "healthy" ? 1 : 0,
  ),
  metric("last_seen", "Last time a container was seen by the exporter", ({ seenAt }) => seconds(seenAt)),
  metric("start_time_seconds", "Start time of the container since unix epoch in seconds.", ({ startedAt }) =>
    startedAt === undefined ? undefined : seconds(startedAt),
  ),
  {
    name: "devcloud_container_restarts",
    help: "Restarts of the container by its owner.",
    type: "gauge",
    labels: ["name"],
    samples: (containers) =>
      perRow(
        containers,
        ({ name }) => [name],
        ({ restarts }) => restarts,
      ),
  },
  {
    name: "devcloud_container_verdict_info",
    help: "What the agent makes of the container, and why, value is always 1.",
    type: "gauge",
    labels: ["name", "reason", "verdict"],
    samples: (containers) =>
      containers.map(({ name, reason, verdict }) => ({ labels: [name, reason, verdict], value: 1 })),
  },
  {
    name: "devcloud_container_state",
    help: "Whether the container is in this state (1) or not (0).",
    type: "gauge",
    labels: ["name", "state"],
    samples: (containers) =>
      containers.flatMap(({ name, state }) =>
        STATES.map((each) => ({ labels: [name, each], value: each === state ? 1 : 0 })),
      ),
  },
];

export function containers(source: ContainerSource, host: HostFiles): Collector {
  const groups = new Groups(host);
  return collector({
    name: "containers",
    metrics,
    async read() {
      const states = (await source.containers()) ?? [];
      const paths = await groups.of(source.processes());
      return states.map((state) => {
        const group = paths.get(state.id);
        return group === undefined ? state : { ...state, group };
      });
    },
  });
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
