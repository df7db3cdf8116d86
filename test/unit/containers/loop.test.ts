import { describe, expect, it } from "vitest";
import { Containers } from "../../../agent/containers/containers.ts";
import type { JournalEntry } from "../../../agent/containers/journal.ts";
import type { Container, Unit } from "../../../agent/containers/observed.ts";
import type { ContainersEvent, ContainersPorts, DockerPort, JournalPort } from "../../../agent/containers/ports.ts";
import type { Outcome } from "../../../agent/core/capability.ts";
import { AgentError } from "../../../agent/core/errors.ts";
import { FakeClock, settle } from "../../fakes/clock.ts";
import { container, gone, STARTED, settings, unit, unowned } from "./helpers.ts";

/** A Docker and a systemd at the ports: what the real ones in the lab cannot be brought to do, or only in minutes. */
class FakeHost {
  readonly clock = new FakeClock();
  readonly journal: JournalEntry[] = [];
  readonly told: ContainersEvent[] = [];
  readonly done: string[] = [];
  readonly containers = new Map<string, Container>();
  readonly units = new Map<string, Unit>();
  wakes = 0;
  /** What an action does; by default the container runs afterwards. */
  onAct = async (id: string): Promise<void> => this.runs(id);

  put(each: Container): void {
    this.containers.set(each.id, each);
  }

  runs(id: string): void {
    const found = this.containers.get(id);
    if (found) this.put({ ...found, state: "running", pid: 77, startedAt: STARTED + this.clock.monotonic() });
  }

  get ports(): ContainersPorts {
    const act: DockerPort["act"] = async (id, action) => {
      this.done.push(`docker ${action} ${id}`);
      await this.onAct(id);
    };
    return {
      clock: this.clock,
      random: () => 0,
      docker: {
        list: async () => ({ names: new Map([...this.containers].map(([id, { name }]) => [id, name])), folder: "/" }),
        inspect: async (id) => this.containers.get(id),
        act,
        logs: async () => ["last words"],
        events: async () => undefined,
      },
      units: {
        observe: async () => new Map(this.units),
        restart: async (name) => {
          this.done.push(`systemctl restart ${name}`);
          await this.onAct("cron-id");
        },
      },
      files: { config: async () => "unreadable", freeMib: async () => 10_000, guests: async () => "none" },
      journal: { read: async () => this.journal, append: async (entry) => void this.journal.push(entry) },
      report: (event) => this.told.push(event),
    };
  }

  open(): Containers {
    const { ports } = this;
    return new Containers(ports, {
      settings: () => settings({ restart: ["cron"] }),
      maintenance: () => false,
      expected: () => true,
      wake: () => {
        this.wakes += 1;
      },
    });
  }
}

const signal = new AbortController().signal;
const pass = async (containers: Containers) => {
  const outcome = await containers.reconcile(signal, () => undefined);
  await settle();
  return outcome;
};

/** The agent has seen it down for long enough. */
async function waitedOut(host: FakeHost): Promise<Containers> {
  const containers = host.open();
  await pass(containers);
  await host.clock.advance(20_000);
  return containers;
}

describe("the loop of the containers", () => {
  it("starts what is down by Docker where it has no owner, and asks for another pass", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    const containers = await waitedOut(host);
    expect(host.done).toEqual([]);
    await pass(containers);
    expect(host.done).toEqual(["docker start cron-id"]);
    expect(host.journal.map(({ kind }) => kind)).toEqual(["intent", "result"]);
    expect(host.wakes).toBeGreaterThan(0);
    expect((await pass(containers)).state).toBe("converged");
  });

  it("gives a unit that begins to start its container the time to do so, after each of its tries", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    host.units.set("cron", unit("cron", "activating"));
    const containers = await waitedOut(host);
    for (const restarts of [1, 2]) {
      host.units.set("cron", unit("cron", "active", { restarts }));
      await pass(containers);
      expect(host.done).toEqual([]);
      await host.clock.advance(10_000);
    }
    await host.clock.advance(10_000);
    await pass(containers);
    expect(host.done).toEqual(["systemctl restart kolla-cron-container.service"]);
  });

  it("restarts through the unit where there is one, and never by Docker", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    host.units.set("cron", unit("cron", "failed"));
    await pass(await waitedOut(host));
    expect(host.done).toEqual(["systemctl restart kolla-cron-container.service"]);
  });

  it("does nothing where the unit has come to itself between the decision and the restart", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    host.units.set("cron", unit("cron", "failed"));
    const containers = await waitedOut(host);
    await containers.reconcile(signal, () => undefined);
    host.units.set("cron", unit("cron", "activating"));
    await settle();
    expect(host.done).toEqual([]);
    expect(host.journal.at(-1)).toMatchObject({ kind: "result", result: "skipped" });
  });

  it("does nothing by Docker where a unit has come to own the container between the decision and the restart", async () => {
    const host = new FakeHost();
    const health = { status: "unhealthy", failingStreak: 9, intervalMs: 3e7, timeoutMs: 3e4 } as const;
    host.put(container("cron", { ...unowned, health }));
    const containers = host.open();
    await pass(containers);
    await host.clock.advance(600_000);
    await containers.reconcile(signal, () => undefined);
    host.units.set("cron", unit("cron", "active"));
    await settle();
    expect(host.done).toEqual([]);
    expect(host.journal.at(-1)).toMatchObject({ kind: "result", result: "skipped" });
  });

  it("does one restart at a time, and goes on looking meanwhile", async () => {
    const host = new FakeHost();
    const { promise, resolve } = Promise.withResolvers<void>();
    host.onAct = () => promise;
    host.put(container("cron", { ...gone(1), ...unowned }));
    host.put(container("fluentd", { ...gone(1), ...unowned }));
    const containers = await waitedOut(host);
    await pass(containers);
    await pass(containers);
    expect(containers.statuses.map(({ reason }) => reason)).toEqual(["acting", "other-action"]);
    expect(host.done).toHaveLength(1);
    host.runs("cron-id");
    resolve();
    await settle();
    host.onAct = async (id) => host.runs(id);
    await pass(containers);
    expect(host.done).toEqual(["docker start cron-id", "docker start fluentd-id"]);
  });

  it("that was killed between intent and result counts the restart, and waits before the next one", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    host.onAct = () => new Promise(() => undefined);
    await pass(await waitedOut(host));
    expect(host.journal.map(({ kind }) => kind)).toEqual(["intent"]);
    const next = host.open();
    await pass(next);
    await host.clock.advance(1_000);
    expect(next.statuses[0]?.lastAction).toMatchObject({ result: "unknown" });
    expect(host.done).toHaveLength(1);
  });

  const endedBySomebody = (host: FakeHost, containers: Containers): void => {
    host.put(container("cron", { ...gone(1), ...unowned }));
    for (const action of ["kill", "die", "stop"])
      containers.noticed({ action, id: "cron-id", name: "cron", attributes: { signal: "15" } });
  };
  const reasonsOf = ({ statuses }: Containers) => statuses.map(({ name, reason }) => `${name} ${reason}`);

  it("forgets who was stopped when it is removed, and not while it is there, also by another process", async () => {
    const host = new FakeHost();
    const containers = host.open();
    endedBySomebody(host, containers);
    await pass(containers);
    await pass(containers);
    expect(reasonsOf(containers)).toEqual(["cron stopped-by-operator"]);
    const next = host.open();
    await pass(next);
    await pass(next);
    expect(reasonsOf(next)).toEqual(["cron stopped-by-operator"]);
    host.containers.clear();
    await pass(next);
    host.put(container("cron", { ...gone(1), ...unowned }));
    await pass(next);
    expect(reasonsOf(next)).toEqual(["cron owner-acts"]);
  });

  it("does not forget who was stopped while Docker does not answer about it", async () => {
    const host = new FakeHost();
    const before = host.open();
    endedBySomebody(host, before);
    await pass(before);
    const { docker, ...rest } = host.ports;
    let stuck = true;
    const inspect: DockerPort["inspect"] = async (id, within) => {
      if (stuck) throw new AgentError({ code: "E_DOCKER_TIMEOUT", message: "late" });
      return docker.inspect(id, within);
    };
    const options = { maintenance: () => false, expected: () => true, wake: () => undefined };
    const next = new Containers(
      { ...rest, docker: { ...docker, inspect } },
      { ...options, settings: () => settings() },
    );
    await pass(next);
    stuck = false;
    await pass(next);
    expect(reasonsOf(next)).toEqual(["cron stopped-by-operator"]);
  });

  it("uses up its budget of six, however many containers want a restart", async () => {
    const host = new FakeHost();
    for (let index = 0; index < 10; index += 1) host.put(container(`x${index}_exporter`, { ...gone(1), ...unowned }));
    const containers = await waitedOut(host);
    for (let round = 0; round < 12; round += 1) await pass(containers);
    expect(host.done).toHaveLength(6);
    expect(containers.statuses.filter(({ reason }) => reason === "budget")).toHaveLength(4);
  });

  it("restarts nothing where all are unhealthy at once: the broker is down", async () => {
    const host = new FakeHost();
    const health = { status: "unhealthy", failingStreak: 9, intervalMs: 3e7, timeoutMs: 3e4 } as const;
    for (const name of ["nova_compute", "neutron_openvswitch_agent"]) host.put(container(name, { health }));
    const containers = host.open();
    await pass(containers);
    await host.clock.advance(600_000);
    await pass(containers);
    expect(host.done).toEqual([]);
    expect(containers.statuses.map(({ reason }) => reason)).toEqual(["shared-cause", "shared-cause"]);
  });

  it("is not moved by a wall clock that jumps", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    const containers = host.open();
    await pass(containers);
    host.clock.jumpWallClock(3_600_000);
    await pass(containers);
    expect(host.done).toEqual([]);
    host.clock.jumpWallClock(-7_200_000);
    await host.clock.advance(20_000);
    await pass(containers);
    expect(host.done).toHaveLength(1);
  });

  /** With a journal of its own, and the settings of a host that restarts by default. */
  function withJournal(host: FakeHost, journal: JournalPort): Containers {
    const { ports } = host;
    const options = { maintenance: () => false, expected: () => true, wake: () => undefined };
    return new Containers({ ...ports, journal }, { ...options, settings: () => settings() });
  }
  const codesOf = ({ problems }: Outcome) => problems.map(({ code }) => code);

  it("that cannot write its journal restarts nothing, says so once, and tries again after a pause", async () => {
    const host = new FakeHost();
    for (const name of ["cron", "fluentd"]) host.put(container(name, { ...gone(1), ...unowned }));
    let full = true;
    const append: JournalPort["append"] = async (entry) => {
      if (full) throw new Error("ENOSPC: no space left on device, write");
      host.journal.push(entry);
    };
    const containers = withJournal(host, { read: async () => [], append });
    const failed = () => host.told.filter((each) => each.event === "container-action");
    await pass(containers);
    await host.clock.advance(20_000);
    await pass(containers);
    for (let round = 0; round < 20; round += 1) {
      const { problems } = await pass(containers);
      expect(problems).toEqual([
        expect.objectContaining({
          code: "E_CONTAINER_JOURNAL",
          message:
            "the restart journal cannot be written: ENOSPC: no space left on device, write; no restart without it",
        }),
      ]);
      await host.clock.advance(50);
    }
    expect(host.done).toEqual([]);
    expect(failed()).toHaveLength(1);
    expect(containers.statuses.map(({ reason, cause }) => [reason, cause])).toEqual([
      ["no-journal", "exited"],
      ["no-journal", "exited"],
    ]);
    await host.clock.advance(5_000);
    await pass(containers);
    expect(failed()).toHaveLength(2);
    full = false;
    await host.clock.advance(60_000);
    await pass(containers);
    expect(host.done).toEqual(["docker start cron-id"]);
    expect(codesOf(await pass(containers))).toEqual([]);
    expect(host.done).toHaveLength(2);
  });

  it("whose restart worked says so where only its result could not be written, and writes it later", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    let full = false;
    const append: JournalPort["append"] = async (entry) => {
      if (full) throw new Error("ENOSPC");
      host.journal.push(entry);
    };
    host.onAct = async (id) => {
      full = true;
      host.runs(id);
    };
    const containers = withJournal(host, { read: async () => [], append });
    await pass(containers);
    await host.clock.advance(20_000);
    await pass(containers);
    expect(codesOf(await pass(containers))).toEqual(["E_CONTAINER_JOURNAL"]);
    expect(containers.statuses[0]?.lastAction?.result).toBe("done");
    full = false;
    await host.clock.advance(60_000);
    expect(codesOf(await pass(containers))).toEqual([]);
    expect(host.journal.map(({ kind }) => kind)).toEqual(["intent", "result"]);
  });

  it("that cannot read its journal watches all the same, restarts nothing, and goes on when it can", async () => {
    const host = new FakeHost();
    host.put(container("cron", { ...gone(1), ...unowned }));
    host.put(container("fluentd"));
    let folder = true;
    const read: JournalPort["read"] = async () => {
      if (folder) throw new AgentError({ code: "E_FILE_KIND", message: "journal.ndjson is not a regular file" });
      return [];
    };
    const containers = withJournal(host, { ...host.ports.journal, read });
    for (let round = 0; round < 5; round += 1) {
      expect(codesOf(await pass(containers))).toEqual(["E_FILE_KIND"]);
      await host.clock.advance(20_000);
    }
    await pass(containers);
    expect(containers.statuses.map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      "cron no-journal",
      "fluentd running",
    ]);
    expect([host.done, host.journal]).toEqual([[], []]);
    folder = false;
    await host.clock.advance(600_000);
    await pass(containers);
    expect(host.done).toEqual(["docker start cron-id"]);
    expect(codesOf(await pass(containers))).toEqual([]);
  });

  it("keeps what it saw last where Docker does not answer, and one that is stuck does not hide the others", async () => {
    const host = new FakeHost();
    host.put(container("cron"));
    host.put(container("fluentd"));
    const { docker, ...rest } = host.ports;
    let stuck = false;
    const late = new AgentError({ code: "E_DOCKER_TIMEOUT", message: "late" });
    const inspect: DockerPort["inspect"] = async (id, within) => {
      if (stuck && id === "cron-id") throw late;
      return docker.inspect(id, within);
    };
    let frozen = false;
    const list: DockerPort["list"] = async (within) => {
      if (frozen) throw late;
      return docker.list(within);
    };
    const containers = new Containers(
      { ...rest, docker: { ...docker, inspect, list } },
      { settings: () => settings(), maintenance: () => false, expected: () => true, wake: () => undefined },
    );
    await pass(containers);
    stuck = true;
    await pass(containers);
    expect(containers.statuses.map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      "cron no-answer",
      "fluentd running",
    ]);
    frozen = true;
    await expect(containers.reconcile(signal, () => undefined)).rejects.toThrow("late");
    expect(containers.docker.state).toBe("unreachable");
    expect(containers.statuses).toHaveLength(2);
  });
});
