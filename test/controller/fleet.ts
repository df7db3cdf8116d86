import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Plain } from "./schema.ts";

/** One node of a health tree, as the page shows it. */
export interface HealthNode {
  readonly healthy: boolean;
  readonly status: string;
  readonly error: string;
  readonly children: Readonly<Record<string, HealthNode>>;
}

export interface RemoteState {
  readonly hash: string;
  readonly status: string;
  readonly error: string;
}

/** Something that happened to a host, newest last. Times are milliseconds since the epoch. */
export interface Happening {
  readonly at: number;
  readonly text: string;
  readonly tone: "good" | "bad" | "plain";
}

/** What the reference controller knows of a host. */
export interface FleetHost {
  readonly uid: string;
  connected: boolean;
  seenAt: number;
  connectedAt: number;
  sequence: number;
  attributes: Record<string, string>;
  health: HealthNode | undefined;
  remote: RemoteState | undefined;
  effective: string;
  /** What it is to have; nothing was pushed yet where it is absent. */
  desired: { readonly hash: string; readonly text: string } | undefined;
  readonly happenings: Happening[];
}

const HAPPENINGS_KEPT = 40;

/** All hosts that ever reported, by instance uid in base64; emits `change`. */
export class Fleet extends EventEmitter<{ change: [] }> {
  readonly hosts = new Map<string, FleetHost>();

  /** Takes a report; returns the host, and whether something was missed that the host must tell again. */
  take(report: Plain): { readonly host: FleetHost; readonly gap: boolean } {
    const uid = String(report.instanceUid ?? "");
    const now = Date.now();
    const host = this.hosts.get(uid) ?? newHost(uid, now);
    this.hosts.set(uid, host);
    const sequence = Number(report.sequenceNum ?? 0);
    const gap = host.connected && sequence !== host.sequence + 1;
    host.sequence = sequence;
    host.seenAt = now;
    if (!host.connected) {
      host.connected = true;
      host.connectedAt = now;
      note(host, "connected", "good");
    }
    if (isPlain(report.agentDescription)) host.attributes = attributesOf(report.agentDescription);
    if (isPlain(report.health)) this.#takeHealth(host, healthOf(report.health));
    if (isPlain(report.effectiveConfig)) host.effective = effectiveOf(report.effectiveConfig);
    if (isPlain(report.remoteConfigStatus)) this.#takeRemote(host, report.remoteConfigStatus);
    if (report.agentDisconnect !== undefined) this.gone(uid, "said goodbye");
    this.emit("change");
    return { host, gap: gap || (host.health === undefined && report.health === undefined) };
  }

  gone(uid: string, how: string): void {
    const host = this.hosts.get(uid);
    if (host === undefined || !host.connected) return;
    host.connected = false;
    note(host, how, "bad");
    this.emit("change");
  }

  /** What a host is to have from now on; whether it is any good is for the agent to say. */
  desire(uid: string, text: string): FleetHost {
    const host = this.hosts.get(uid);
    if (host === undefined) throw new Error("There is no such host");
    host.desired = { hash: createHash("sha256").update(text).digest("hex"), text };
    note(host, text === "" ? "configuration taken away" : "configuration pushed", "plain");
    this.emit("change");
    return host;
  }

  #takeHealth(host: FleetHost, health: HealthNode): void {
    const before = host.health?.healthy;
    host.health = health;
    if (before === undefined || before === health.healthy) return;
    note(host, health.healthy ? "well again" : `in trouble: ${health.error}`, health.healthy ? "good" : "bad");
  }

  #takeRemote(host: FleetHost, status: Plain): void {
    const remote: RemoteState = {
      hash: Buffer.from(String(status.lastRemoteConfigHash ?? ""), "base64").toString("hex"),
      status: String(status.status ?? "UNSET"),
      error: String(status.errorMessage ?? ""),
    };
    const before = host.remote;
    host.remote = remote;
    if (before?.hash === remote.hash && before.status === remote.status) return;
    // That it has nothing from here is no news of a host that just came.
    if (before === undefined && remote.status === "UNSET") return;
    const tone = { APPLIED: "good", FAILED: "bad" }[remote.status] ?? "plain";
    const text = `configuration ${remote.hash.slice(0, 8)} ${remote.status.toLowerCase()}`;
    note(
      host,
      remote.error === "" ? text : `${text}: ${remote.error}`,
      tone === "good" || tone === "bad" ? tone : "plain",
    );
  }
}

function newHost(uid: string, now: number): FleetHost {
  return {
    uid,
    connected: false,
    seenAt: now,
    connectedAt: now,
    sequence: -1,
    attributes: {},
    health: undefined,
    remote: undefined,
    effective: "",
    desired: undefined,
    happenings: [],
  };
}

function note(host: FleetHost, text: string, tone: Happening["tone"]): void {
  host.happenings.push({ at: Date.now(), text, tone });
  host.happenings.splice(0, host.happenings.length - HAPPENINGS_KEPT);
}

function attributesOf(description: Plain): Record<string, string> {
  const lists = [description.identifyingAttributes, description.nonIdentifyingAttributes];
  const entries = lists.flatMap((list) => (Array.isArray(list) ? list.filter(isPlain) : []));
  return Object.fromEntries(
    entries.map(({ key, value }) => [String(key), isPlain(value) ? String(value.stringValue ?? "") : ""]),
  );
}

function healthOf(health: Plain): HealthNode {
  const children = isPlain(health.componentHealthMap) ? health.componentHealthMap : {};
  return {
    healthy: health.healthy === true,
    status: String(health.status ?? ""),
    error: String(health.lastError ?? ""),
    children: Object.fromEntries(
      Object.entries(children).flatMap(([name, child]) => (isPlain(child) ? [[name, healthOf(child)]] : [])),
    ),
  };
}

function effectiveOf(effective: Plain): string {
  const map = isPlain(effective.configMap) ? effective.configMap.configMap : undefined;
  const [file] = isPlain(map) ? Object.values(map) : [];
  return isPlain(file) ? Buffer.from(String(file.body ?? ""), "base64").toString("utf8") : "";
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
