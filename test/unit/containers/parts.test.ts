import { describe, expect, it } from "vitest";
import { driftOf } from "../../../agent/containers/compare/index.ts";
import { desiredOf } from "../../../agent/containers/desired.ts";
import { exitClassOf, exitText } from "../../../agent/containers/exit-class.ts";
import type { Intent } from "../../../agent/containers/journal.ts";
import { kindOf } from "../../../agent/containers/kolla.ts";
import { Ledger } from "../../../agent/containers/ledger.ts";
import { remember } from "../../../agent/containers/memory.ts";
import { explainDrift } from "../../../agent/containers/problems.ts";
import { Witness } from "../../../agent/containers/witness.ts";
import { eventOf, logLines } from "../../../agent/system/docker.ts";
import { unitsOf } from "../../../agent/system/units.ts";
import { container, gone, NOW, settings, unit } from "./helpers.ts";

describe("the class of an exit", () => {
  it.each([
    [0, false, "", "clean"],
    [0, false, "no such file", "not-started"],
    [1, false, "", "failed"],
    [2, false, "", "failed"],
    [2, true, "", "failed"],
    [125, false, "", "not-started"],
    [126, false, "", "not-started"],
    [127, false, "", "not-started"],
    [130, false, "", "terminated"],
    [134, false, "", "signal"],
    [137, false, "", "killed"],
    [137, true, "", "oom"],
    [139, false, "", "signal"],
    [143, false, "", "terminated"],
    [143, true, "", "terminated"],
    [200, false, "", "failed"],
    [255, false, "", "lost"],
  ])("code %s, OOM %s, %j is %s", (exitCode, oomKilled, error, expected) => {
    expect(exitClassOf({ exitCode, oomKilled, error })).toBe(expected);
  });
});

describe("an exit in words", () => {
  it.each([
    [130, "ended by SIGINT"],
    [143, "ended by SIGTERM"],
    [137, "killed by SIGKILL"],
    [139, "ended by SIGSEGV"],
    [129, "ended by SIGHUP"],
    [162, "ended by signal 34"],
    [200, "ended with an error"],
  ])("of %s is %j", (code, words) => {
    const kind = exitClassOf({ exitCode: code, oomKilled: false, error: "" });
    expect(exitText({ code, class: kind })).toBe(words);
  });
});

describe("the class of a container", () => {
  it.each([
    ["cron", "free"],
    ["fluentd", "free"],
    ["kolla_toolbox", "free"],
    ["prometheus_node_exporter", "free"],
    ["nova_compute", "careful"],
    ["neutron_openvswitch_agent", "careful"],
    ["nova_libvirt", "observe"],
    ["openvswitch_vswitchd", "observe"],
    ["mariadb", "observe"],
    ["ceph_osd_3", "observe"],
    ["ceph-0a1b-osd-3", "ignored"],
    ["neutron_ovs_cleanup", "ignored"],
    ["neutron_dhcp_agent_dnsmasq_qdhcp-1", "ignored"],
    ["bootstrap_keystone", "ignored"],
  ])("%s is %s", (name, kind) => expect(kindOf(name)).toBe(kind));
});

describe("what is wanted", () => {
  it("is every container found, declared, or run by an enabled unit, by name", () => {
    const units = new Map([
      ["nova_compute", unit("nova_compute", "active")],
      ["old", unit("old", "inactive", { enabled: false })],
    ]);
    const wanted = desiredOf(settings({ manifest: { fluentd: {} } }), { containers: [container("cron")], units });
    expect(wanted.map(({ name, origin, mode }) => [name, origin, mode])).toEqual([
      ["cron", "adopted", "restart"],
      ["fluentd", "declared", "restart"],
      ["nova_compute", "adopted", "restart"],
    ]);
  });

  it("is only to observe by default, and for classes that are not free or careful", () => {
    const containers = [container("cron"), container("mariadb")];
    const modes = (changes: Parameters<typeof settings>[0]) =>
      desiredOf(settings(changes), { containers, units: new Map() }).map(({ mode }) => mode);
    expect(modes({ default: "observe" })).toEqual(["observe", "observe"]);
    expect(modes({ default: "restart" })).toEqual(["restart", "observe"]);
    expect(modes({ default: "observe", restart: ["mariadb"] })).toEqual(["observe", "restart"]);
  });
});

describe("the drift of a container", () => {
  const drift = (declared: object, changes = {}, owner?: ReturnType<typeof unit>) => {
    const found = container("cron", changes);
    const wanted = { name: "cron", kind: "free", mode: "observe", origin: "declared", declared } as const;
    return driftOf({ wanted, container: found, ...(owner && { unit: owner }) }).map(({ field }) => field);
  };

  it("is none where nothing is declared", () => expect(drift({})).toEqual([]));
  it("is none where everything is as declared", () => {
    const declared = { image: "lab-kolla/service:19.0", policy: "unless-stopped" as const };
    expect(drift({ ...declared, environment: { KOLLA_SERVICE_NAME: "cron" } })).toEqual([]);
  });
  it("names image, policy and environment", () => {
    expect(drift({ image: "other", policy: "no", environment: { A: "b" } })).toEqual([
      "environment",
      "image",
      "policy",
    ]);
  });
  it("is a second supervisor where a unit and a restart policy own it", () => {
    expect(drift({}, {}, unit("cron", "active"))).toEqual(["supervisor"]);
    expect(drift({}, { policy: { name: "no", maximumRetries: 0 } }, unit("cron", "active"))).toEqual([]);
  });
  it("never shows a value of the environment, which may be a password, and is told as a person would", () => {
    const found = container("cron", { env: { PASSWORD: "secret", RIGHT: "yes" } });
    const told = (environment: Readonly<Record<string, string>>): readonly string[] => {
      const wanted = {
        name: "cron",
        kind: "free",
        mode: "observe",
        origin: "declared",
        declared: { environment },
      } as const;
      const drift = driftOf({ wanted, container: found });
      expect(JSON.stringify(drift)).not.toMatch(/secret|hidden/);
      return drift.map(explainDrift);
    };
    expect(told({ PASSWORD: "hidden", RIGHT: "yes" })).toEqual([
      "its environment is not as declared: PASSWORD has another value",
    ]);
    expect(told({ PASSWORD: "hidden", TZ: "hidden", LANG: "hidden" })).toEqual([
      "its environment is not as declared: TZ, LANG are not set, and PASSWORD has another value",
    ]);
  });
});

describe("what is remembered of a container", () => {
  it("is since when it is down, and starts anew with another start", () => {
    const down = container("cron", gone(1));
    const first = remember(undefined, down, undefined, NOW);
    expect(remember(first, down, undefined, NOW + 5).downSince).toBe(NOW);
    expect(remember(first, { ...down, startedAt: 1 }, undefined, NOW + 5).downSince).toBe(NOW + 5);
    expect(remember(first, { ...down, id: "other" }, undefined, NOW + 5).downSince).toBe(NOW + 5);
  });

  it("forgets how long it was unhealthy once it is healthy: health that flaps leads to no restart", () => {
    const of = (status: "healthy" | "unhealthy") =>
      container("cron", { health: { status, failingStreak: 0, intervalMs: 1, timeoutMs: 1 } });
    const sick = remember(undefined, of("unhealthy"), undefined, NOW);
    const well = remember(sick, of("healthy"), undefined, NOW + 40_000);
    expect(well.unhealthySince).toBeUndefined();
    expect(remember(well, of("unhealthy"), undefined, NOW + 80_000).unhealthySince).toBe(NOW + 80_000);
  });

  it("has the configuration of the start only where the files are older than the start", () => {
    const with_ = (changedAt: number) => container("cron", { config: { hash: "h", changedAt } });
    expect(remember(undefined, with_(0), undefined, NOW).startedWith).toBe("h");
    expect(remember(undefined, with_(Number.MAX_SAFE_INTEGER), undefined, NOW).startedWith).toBeUndefined();
  });
});

describe("what the events tell", () => {
  const event = (action: string, attributes: Record<string, string> = {}, name = "cron") => ({
    action,
    id: "1",
    name,
    attributes,
  });
  const witnessing = (...events: readonly ReturnType<typeof event>[]) => {
    const witness = new Witness();
    for (const each of events) witness.take(each, NOW);
    return witness;
  };

  it.each([
    ["a stop", ["kill 15", "die", "stop"], "operator"],
    ["an escalated stop", ["kill 15", "kill 9", "die", "stop"], "operator"],
    ["docker kill", ["kill 9", "die"], "operator"],
    ["a kill by the host", ["die"], "crash"],
    ["a reload, and a crash later", ["kill 1", "die"], "crash"],
    ["a restart by Docker", ["kill 15", "die", "stop", "start", "restart"], undefined],
  ])("%s", (_name, actions, expected) => {
    const events = actions
      .map((text) => text.split(" "))
      .map(([action = "", signal]) => event(action, signal ? { signal } : {}));
    expect(witnessing(...events).death("1")).toBe(expected);
  });

  it("is nothing where dockerd itself went down right after", () => {
    const witness = witnessing(event("kill", { signal: "15" }), event("die"));
    witness.lost(NOW + 1_000);
    expect(witness.death("1")).toBeUndefined();
  });

  it("is a stop also where dockerd went down long after it, or where docker stop had answered", () => {
    const killed = witnessing(event("kill", { signal: "9" }), event("die"));
    killed.lost(NOW + 60_000);
    expect(killed.death("1")).toBe("operator");
    const stopped = witnessing(event("kill", { signal: "15" }), event("die"), event("stop"));
    stopped.lost(NOW);
    expect(stopped.death("1")).toBe("operator");
  });

  it("does not take the agent's own restart for a person's stop, also where the start failed", () => {
    const witness = new Witness();
    witness.ours("1");
    for (const each of [event("kill", { signal: "15" }), event("die"), event("stop")]) witness.take(each, NOW);
    witness.oursEnded("1", NOW);
    expect(witness.death("1")).toBe("crash");
  });

  it.each([
    ["a check of the configuration", event("exec_create: kolla_set_configs --check"), true],
    ["a probe of its health", event("exec_create: /bin/sh -c healthcheck_port nova-compute 5672"), false],
    ["a container of Kolla's is made", event("create", { kolla_version: "19" }), true],
    ["a container of somebody's is made", event("create"), false],
    [
      "a child of Neutron's is removed",
      event("destroy", { kolla_version: "19" }, "neutron_l3_agent_radvd_qrouter-1"),
      false,
    ],
  ])("a deployer or not: %s", (_name, each, deployer) => {
    expect(witnessing(each).deployerAt !== undefined).toBe(deployer);
  });
});

describe("the ledger", () => {
  const intent = (changes: Partial<Intent> = {}): Intent => ({
    version: 1,
    kind: "intent",
    at: 0,
    name: "cron",
    container: "1",
    action: "start",
    cause: "exited",
    pauseMs: 5_000,
    attempt: 1,
    log: [],
    ...changes,
  });
  const { timing } = settings();

  it("lets the pause double from 5 s to 5 min, with jitter", () => {
    const ledger = new Ledger();
    const pauses = Array.from({ length: 9 }, () => {
      const next = ledger.next("cron", timing, () => 1);
      ledger.add(intent(next), NOW);
      return next.pauseMs;
    });
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1000));
    expect(ledger.next("cron", timing, () => 0).pauseMs).toBe(150_000);
    ledger.forgive("cron");
    expect(ledger.next("cron", timing, () => 1)).toEqual({ attempt: 1, pauseMs: 5_000 });
  });

  it("counts what was begun and never ended: it may have happened", () => {
    const ledger = new Ledger();
    ledger.add(intent(), NOW);
    ledger.close();
    expect(ledger.restarts).toEqual([NOW]);
    expect(ledger.last("cron")?.result).toBe("unknown");
    expect(ledger.notBefore("cron")).toBe(NOW + 5_000);
  });

  it("does not count what was not done", () => {
    const ledger = new Ledger();
    ledger.add(intent(), NOW);
    ledger.add({ version: 1, kind: "result", at: 0, name: "cron", container: "1", result: "skipped" }, NOW);
    expect(ledger.restarts).toEqual([]);
    expect(ledger.notBefore("cron")).toBe(0);
  });

  it("knows a stop by the start that it ended", () => {
    const ledger = new Ledger();
    ledger.add({ version: 1, kind: "stopped", at: 0, name: "cron", container: "1", startedAt: 7 }, NOW);
    expect([ledger.wasStopped("1", 7), ledger.wasStopped("1", 8), ledger.wasStopped("2", 7)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("what Docker and systemd print", () => {
  it("is an event, or left out", () => {
    const line = '{"Type":"container","Action":"die","Actor":{"ID":"1","Attributes":{"name":"cron","exitCode":"143"}}}';
    expect(eventOf(line)).toEqual({
      action: "die",
      id: "1",
      name: "cron",
      attributes: { name: "cron", exitCode: "143" },
    });
    expect(["", "{", "[]", "null", '{"Action":"die"}', '{"Action":1,"Actor":{"ID":"1"}}'].map(eventOf)).toEqual(
      Array.from({ length: 6 }),
    );
  });

  it("is a log in frames, cut off, or of a terminal", () => {
    const frame = (stream: number, text: string) => {
      const head = Buffer.alloc(8);
      head.writeUInt8(stream, 0);
      head.writeUInt32BE(Buffer.byteLength(text), 4);
      return Buffer.concat([head, Buffer.from(text)]);
    };
    const raw = Buffer.concat([frame(1, "one\ntw"), frame(1, "o\n"), frame(2, "bad\n")]);
    expect(logLines(raw, 50)).toEqual(["one", "two", "bad"]);
    expect(logLines(raw, 1)).toEqual(["bad"]);
    expect(logLines(raw.subarray(0, raw.length - 2), 50)).toEqual(["one", "two", "ba"]);
    expect(logLines(Buffer.from("plain\ntext\n"), 50)).toEqual(["plain", "text"]);
    expect(logLines(Buffer.alloc(0), 50)).toEqual([]);
  });

  it("is Kolla's units, without those that are not there", () => {
    const block = (id: string, load: string) =>
      `NRestarts=3\nId=${id}\nLoadState=${load}\nActiveState=failed\nSubState=failed\nResult=start-limit-hit\nUnitFileState=enabled\n`;
    const text = [
      block("kolla-cron-container.service", "loaded"),
      block("kolla-gone-container.service", "not-found"),
      block("ssh.service", "loaded"),
    ].join("\n");
    expect([...unitsOf(text)]).toEqual([["cron", unit("cron", "failed", { restarts: 3 })]]);
    expect(unitsOf("").size).toBe(0);
  });
});
