import { describe, expect, it } from "vitest";
import type { ContainerSettings } from "../../../agent/config/settings.ts";
import { desiredOf } from "../../../agent/containers/desired.ts";
import type { Memory } from "../../../agent/containers/memory.ts";
import type { Container, Health, Unit } from "../../../agent/containers/observed.ts";
import { type HostView, type Past, verdictOf } from "../../../agent/containers/verdict.ts";
import { container, gone, NOW, STARTED, settings, unit, unowned } from "./helpers.ts";

interface Case {
  readonly name?: string;
  /** `null`: there is none. */
  readonly is?: Partial<Container> | null;
  readonly unit?: Unit | "unknown";
  readonly memory?: Partial<Memory>;
  readonly host?: Partial<HostView>;
  readonly past?: Past;
  readonly settings?: Partial<ContainerSettings>;
  readonly says: string;
}

const observing = { settings: { default: "observe" as const } };
const longDown = { memory: { downSince: NOW - 3_600_000 } };
const crashed = { ...gone(1), ...unowned };
const health = (status: Health["status"]): Partial<Container> => ({
  health: { status, failingStreak: 0, intervalMs: 30_000, timeoutMs: 30_000 },
});
const longUnhealthy = { is: health("unhealthy"), memory: { unhealthySince: NOW - 3_600_000 }, host: { unhealthy: 1 } };
const libvirt = { ...health("unhealthy"), hostPid: true };
const askedFor = { restart: ["nova_libvirt"] };
const newer = { hash: "new", changedAt: STARTED + 1 };

const cases: Readonly<Record<string, Case>> = {
  // In order
  "runs without a health check": { says: "ok running" },
  "runs and is healthy": { is: health("healthy"), says: "ok healthy" },
  "runs under its unit": { is: unowned, unit: unit("cron", "active"), says: "ok running" },
  "runs while systemd does not answer": { unit: "unknown", says: "ok running" },
  "ended without an error and nobody owns it": { is: { ...gone(0), ...unowned }, ...longDown, says: "ok finished" },
  "ended without an error under on-failure": {
    is: gone(0, { policy: { name: "on-failure", maximumRetries: 3 } }),
    ...longDown,
    says: "ok finished",
  },

  // None of ours
  "a clean-up that runs once a boot": { name: "neutron_ovs_cleanup", is: gone(0), says: "ok ignored" },
  "a child of an agent that died": { name: "neutron_l3_agent_keepalived_qrouter-1", is: gone(137), says: "ok ignored" },
  "a bootstrap container that failed": { name: "bootstrap_nova", is: gone(1), says: "ok ignored" },
  "a one-shot by its environment": {
    name: "nova_api_bootstrap",
    is: { ...crashed, env: { KOLLA_CONFIG_STRATEGY: "COPY_ALWAYS", KOLLA_BOOTSTRAP: "" } },
    says: "ok ignored",
  },
  "cephadm's": { name: "ceph-0a1b-osd-3", is: crashed, says: "ok ignored" },
  "somebody else's with a name of Kolla's": { is: { ...crashed, env: {}, labels: {} }, says: "ok ignored" },

  // Open vSwitch
  "Open vSwitch of Kolla runs": { name: "openvswitch_vswitchd", says: "alert openvswitch-running" },
  "its database runs and is said to be free": {
    name: "openvswitch_db",
    settings: { restart: ["openvswitch_db"], manifest: { openvswitch_db: { class: "free" } } },
    says: "alert openvswitch-running",
  },
  "it restarts again and again": {
    name: "openvswitch_db",
    is: { state: "restarting", pid: 0 },
    says: "alert openvswitch-running",
  },
  "it is down, and was to be restarted": {
    name: "openvswitch_db",
    is: crashed,
    ...longDown,
    settings: { restart: ["openvswitch_db"] },
    says: "alert openvswitch-leftover",
  },
  "only its unit is left": {
    name: "openvswitch_db",
    is: null,
    unit: unit("openvswitch_db", "failed"),
    says: "alert openvswitch-leftover",
  },

  // Its owner is Docker's policy
  "Docker restarts it": { is: { state: "restarting", pid: 0 }, says: "wait owner-restarts" },
  "Docker restarts it for the fifth time": {
    is: { state: "restarting", pid: 0, restartCount: 5 },
    says: "alert crash-loop",
  },
  "just died": { is: gone(1), memory: { downSince: NOW - 1_000, death: "crash" }, says: "wait owner-acts exited" },
  "was stopped": { is: gone(143), memory: { downSince: NOW, death: "operator" }, says: "hold stopped-by-operator" },
  "stays down although Docker would restart it": { is: gone(143), ...longDown, says: "hold stopped-by-operator" },
  "Docker could not start it again": {
    is: gone(127, { error: "exec: no such file" }),
    ...longDown,
    says: "restart start-failed",
  },
  "on-failure has used up its tries": {
    is: gone(1, { policy: { name: "on-failure", maximumRetries: 3 }, restartCount: 3 }),
    ...longDown,
    says: "restart gave-up",
  },

  // It has no owner
  "ended with an error": { is: crashed, ...longDown, says: "restart exited" },
  "killed while we looked": {
    is: { ...gone(137), ...unowned },
    memory: { downSince: 0, death: "crash" },
    says: "restart exited",
  },
  "out of memory": { is: { ...gone(137, { oomKilled: true }), ...unowned }, ...longDown, says: "restart exited" },
  "crashed by a signal": { is: { ...gone(139), ...unowned }, ...longDown, says: "restart exited" },
  "lost with the machine": { is: { ...gone(255), ...unowned }, ...longDown, says: "restart exited" },
  "killed while nobody looked": { is: { ...gone(137), ...unowned }, ...longDown, says: "hold stop-unseen" },
  "ended by SIGTERM while nobody looked": { is: { ...gone(143), ...unowned }, ...longDown, says: "hold stop-unseen" },
  "killed by somebody": {
    is: { ...gone(137), ...unowned },
    memory: { downSince: 0, death: "operator" },
    says: "hold stopped-by-operator",
  },
  "created and never started": { is: { state: "created", pid: 0 }, ...longDown, says: "hold never-started" },

  // Its owner is a unit
  "its unit restarts it": { is: crashed, unit: unit("cron", "activating"), ...longDown, says: "wait owner-acts" },
  "its unit restarts it for ever": {
    is: crashed,
    unit: unit("cron", "activating", { restarts: 7 }),
    says: "alert crash-loop",
  },
  "its unit was stopped": {
    is: crashed,
    unit: unit("cron", "inactive"),
    ...longDown,
    says: "hold stopped-by-operator",
  },
  "its unit has just failed": {
    is: crashed,
    unit: unit("cron", "failed"),
    memory: { downSince: NOW },
    says: "wait owner-acts unit-failed",
  },
  "its unit has failed": { is: crashed, unit: unit("cron", "failed"), ...longDown, says: "restart unit-failed" },
  "its unit has failed, and docker stop had ended it": {
    is: { ...gone(143), ...unowned },
    unit: unit("cron", "failed"),
    memory: { downSince: 0, death: "operator" },
    says: "restart unit-failed",
  },
  "its unit is active and it is down": {
    is: crashed,
    unit: unit("cron", "active"),
    ...longDown,
    says: "restart unit-lost",
  },
  "its unit has just begun to start it, and it was down for long": {
    is: crashed,
    unit: unit("cron", "active"),
    memory: { downSince: 0, unit: { active: "active", restarts: 1, since: NOW } },
    says: "wait owner-acts unit-lost",
  },
  "its unit has failed and it runs": { is: unowned, unit: unit("cron", "failed"), says: "alert unsupervised" },
  "systemd does not answer": { is: crashed, unit: "unknown", ...longDown, says: "hold owner-unknown" },
  "its unit is there and it is not": { is: null, unit: unit("cron", "failed"), says: "alert missing" },
  "the manifest has it and the host has not": {
    is: null,
    settings: { manifest: { cron: {} } },
    says: "alert missing",
  },

  // Health
  "its health check has not decided": { is: health("starting"), says: "wait health-starting" },
  "unhealthy for a moment": {
    is: health("unhealthy"),
    memory: { unhealthySince: NOW - 119_000 },
    says: "wait unhealthy-recent",
  },
  "unhealthy for two minutes": { ...longUnhealthy, says: "restart unhealthy" },
  "unhealthy for long under its unit": { ...longUnhealthy, unit: unit("cron", "active"), says: "restart unhealthy" },
  "unhealthy for long, and systemd does not answer whose it is": {
    ...longUnhealthy,
    unit: "unknown",
    says: "hold owner-unknown unhealthy",
  },
  "unhealthy for long and only observed, and systemd does not answer": {
    ...longUnhealthy,
    unit: "unknown",
    ...observing,
    says: "alert observed unhealthy",
  },
  "unhealthy together with another one": {
    ...longUnhealthy,
    host: { unhealthy: 2 },
    says: "hold shared-cause unhealthy",
  },
  "Docker has stopped probing it": {
    is: { health: { status: "healthy", failingStreak: 0, intervalMs: 30_000, timeoutMs: 30_000, lastProbe: "x" } },
    memory: { probe: { ended: "x", since: NOW - 91_000 } },
    says: "alert health-stale",
  },
  "exited, and Docker shows it as unhealthy": {
    is: { ...crashed, ...health("unhealthy") },
    ...longDown,
    says: "restart exited",
  },

  // States that no restart mends
  paused: { is: { state: "paused" }, says: "alert paused" },
  dead: { is: { state: "dead", pid: 0 }, ...longDown, says: "alert dead" },
  "being removed": { is: { state: "removing", pid: 0 }, says: "wait removing" },

  // A restart is due, and something speaks against it
  "only observed": { is: crashed, ...longDown, ...observing, says: "alert observed exited" },
  "observed by its class, although the default is restart": {
    name: "mariadb",
    is: crashed,
    ...longDown,
    says: "alert observed exited",
  },
  "observed by its class, and named": {
    name: "mariadb",
    is: crashed,
    ...longDown,
    settings: { restart: ["mariadb"] },
    says: "restart exited",
  },
  "the host is in maintenance": {
    is: crashed,
    ...longDown,
    host: { maintenance: true },
    says: "hold maintenance exited",
  },
  "a deployer was here four minutes ago": {
    is: crashed,
    ...longDown,
    host: { deployerAt: NOW - 240_000 },
    says: "hold deployer exited",
  },
  "a deployer was here six minutes ago": {
    is: crashed,
    ...longDown,
    host: { deployerAt: NOW - 360_000 },
    says: "restart exited",
  },
  "its configuration is younger than its start": {
    is: { ...crashed, config: newer },
    ...longDown,
    says: "hold pending-config exited",
  },
  "its configuration was written anew with the same content": {
    is: { ...crashed, config: newer },
    memory: { downSince: 0, startedWith: "new" },
    says: "restart exited",
  },
  "its configuration is another one than at its start": {
    is: { ...crashed, config: { hash: "new", changedAt: STARTED - 1 } },
    memory: { downSince: 0, startedWith: "old" },
    says: "hold pending-config exited",
  },
  "its configuration cannot be read": {
    is: { ...crashed, config: "unreadable" },
    ...longDown,
    says: "hold config-unreadable exited",
  },
  "its configuration cannot be read, and is known from its start": {
    is: { ...crashed, config: "unreadable" },
    memory: { downSince: 0, startedWith: "old" },
    says: "hold config-unreadable exited",
  },
  "its configuration cannot be read, and is copied only once": {
    is: { ...crashed, config: "unreadable", env: { KOLLA_CONFIG_STRATEGY: "COPY_ONCE" } },
    ...longDown,
    says: "restart exited",
  },
  "its configuration is copied only once": {
    is: { ...crashed, config: newer, env: { KOLLA_CONFIG_STRATEGY: "COPY_ONCE" } },
    ...longDown,
    says: "restart exited",
  },
  "Docker's disk is full": { is: crashed, ...longDown, host: { freeMib: 10 }, says: "hold disk exited" },
  "virtual machines live in it": {
    name: "nova_libvirt",
    ...longUnhealthy,
    is: { ...libvirt, guests: "some" },
    settings: askedFor,
    says: "hold guests unhealthy",
  },
  "whether virtual machines live in it cannot be told": {
    name: "nova_libvirt",
    ...longUnhealthy,
    is: { ...libvirt, guests: "unknown" },
    settings: askedFor,
    says: "hold guests unhealthy",
  },
  "no virtual machine lives in it, but they would": {
    name: "nova_libvirt",
    ...longUnhealthy,
    is: { ...libvirt, guests: "none", hostPid: false },
    settings: askedFor,
    says: "hold guests unhealthy",
  },
  "no virtual machine lives in it": {
    name: "nova_libvirt",
    ...longUnhealthy,
    is: { ...libvirt, guests: "none" },
    settings: askedFor,
    says: "restart unhealthy",
  },
  "it was restarted a moment ago": {
    is: crashed,
    ...longDown,
    past: { notBefore: NOW + 1 },
    says: "wait backoff exited",
  },
  "it was restarted before": { is: crashed, ...longDown, past: { notBefore: NOW }, says: "restart exited" },
  "the host has used up its restarts": {
    is: crashed,
    ...longDown,
    host: { restarts: [1, 2, 3, 4, 5, 6].map((ago) => NOW - ago * 60_000) },
    says: "wait budget exited",
  },
  "the host's restarts were long ago": {
    is: crashed,
    ...longDown,
    host: { restarts: [1, 2, 3, 4, 5, 6].map((ago) => NOW - 600_000 - ago) },
    says: "restart exited",
  },
  "a budget of none": { is: crashed, ...longDown, settings: { budget: 0 }, says: "wait budget exited" },
  "another one is being restarted": {
    is: crashed,
    ...longDown,
    host: { acting: "fluentd" },
    says: "wait other-action exited",
  },
  "it is being restarted": { is: crashed, ...longDown, host: { acting: "cron" }, says: "wait acting" },
};

function judge({ name = "cron", is, unit: owner, memory, host, past = {}, settings: changes }: Case): string {
  const all = settings(changes);
  const found = is === null ? undefined : container(name, is);
  const units = owner === undefined || owner === "unknown" ? new Map() : new Map([[name, owner]]);
  const wanted = desiredOf(all, { containers: found === undefined ? [] : [found], units })[0];
  if (wanted === undefined) throw new Error("nothing is wanted of it");
  const { verdict, reason, cause } = verdictOf({
    wanted,
    ...(found && { container: found }),
    ...(owner && { unit: owner }),
    memory: { id: `${name}-id`, ...memory },
    past,
    host: { maintenance: false, restarts: [], unhealthy: 0, freeMib: 10_000, ...host },
    settings: all,
    now: NOW,
  });
  return [verdict, reason, ...(cause === undefined || cause === reason ? [] : [cause])].join(" ");
}

describe("the verdict on a container", () => {
  it.each(Object.entries(cases))("%s", (_name, each) => {
    expect(judge(each)).toBe(each.says);
  });

  it("is the same for the same input, and changes none of it", () => {
    for (const each of Object.values(cases)) {
      const before = JSON.stringify(each);
      expect(judge(each)).toBe(judge(each));
      expect(JSON.stringify(each)).toBe(before);
    }
  });

  it("of something that is ignored or of Open vSwitch is never to restart it, whatever is configured", () => {
    const names = ["openvswitch_db", "openvswitch_vswitchd", "neutron_ovs_cleanup", "bootstrap_x", "ceph-a-osd-1"];
    for (const name of names) {
      for (const each of Object.values(cases)) {
        const said = judge({ ...each, name, settings: { restart: [name], manifest: { [name]: { class: "free" } } } });
        expect(said).not.toMatch(/^restart/);
      }
    }
  });
});
