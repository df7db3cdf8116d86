import { describe, expect, it } from "vitest";
import { containerStates } from "../../agent/container-states.ts";
import type { DockerState } from "../../agent/containers/containers.ts";
import { type ContainerStatus, statusOf } from "../../agent/containers/status.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { ContainersStatus } from "../../agent/web/status.ts";
import { container, STARTED } from "./containers/helpers.ts";

const cron: ContainerStatus = statusOf(
  {
    wanted: { name: "cron", kind: "free", mode: "observe", origin: "adopted" },
    container: container("cron"),
    verdict: { verdict: "ok", reason: "running" },
    drift: [],
  },
  (monotonic) => monotonic,
);

function status(docker: DockerState, seen: Partial<ContainersStatus> = {}): ContainersStatus {
  return { loop: { state: "idle" }, docker, problems: [], list: [], ...seen };
}

const lost = (state: "absent" | "unreachable", code: string): DockerState => ({
  state,
  since: STARTED,
  problem: { code, message: "Docker does not run" },
});
const seen = { observedAt: STARTED, list: [cron] };

describe("the containers for the metrics", () => {
  it("are those that were seen, while Docker answers", async () => {
    const states = await containerStates(status({ state: "connected", since: STARTED }, seen));
    expect(states).toMatchObject([{ name: "cron", state: "running", seenAt: STARTED }]);
  });

  it.each([lost("absent", "E_DOCKER_ABSENT"), lost("unreachable", "E_DOCKER_TIMEOUT")])(
    "that were seen are not shown as running where Docker is $state by now",
    async (docker) => {
      await expect(containerStates(status(docker, seen))).rejects.toThrow(AgentError);
    },
  );

  it("are nobody's concern on a host where Docker was never there", async () => {
    expect(await containerStates(status(lost("absent", "E_DOCKER_ABSENT")))).toBeUndefined();
    expect(await containerStates(undefined)).toBeUndefined();
  });
});
