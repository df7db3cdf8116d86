import { describe, expect, it } from "vitest";
import { type ContainerStatus, statusOf } from "../../agent/containers/status.ts";
import { healthOf } from "../../agent/health.ts";
import type { ContainersStatus, Status } from "../../agent/web/status.ts";
import { container } from "./containers/helpers.ts";

const cron: ContainerStatus = statusOf(
  {
    wanted: { name: "cron", kind: "free", mode: "observe", origin: "adopted" },
    container: container("cron"),
    verdict: { verdict: "ok", reason: "running" },
    drift: [],
  },
  (monotonic) => monotonic,
);

function status(docker: ContainersStatus["docker"]): Status {
  return {
    schema: "devcloud-agent/status/v1",
    version: "1.0.0",
    pid: 7,
    startedAt: 0,
    ready: "yes",
    configuration: { inForce: "written" },
    network: { loop: { state: "idle" }, problems: [], addresses: [] },
    os: { view: { state: "unknown" }, problems: [] },
    containers: { loop: { state: "idle" }, docker, problems: [], list: [cron] },
  };
}

describe("what the controller is told of containers", () => {
  it("is each one's state while Docker answers", () => {
    const { containers } = healthOf(status({ state: "connected", since: 0 })).children ?? {};
    expect(containers?.children).toMatchObject({ cron: { healthy: true, status: "running" } });
  });

  it.each(["absent", "unreachable"] as const)("is nothing of what was seen before, while Docker is %s", (state) => {
    const problem = { code: "E_DOCKER_ABSENT", message: "Docker does not run" };
    const { containers } = healthOf(status({ state, since: 0, problem })).children ?? {};
    expect(containers).toMatchObject({ status: `Docker ${state}`, children: {} });
  });
});
