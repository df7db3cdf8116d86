import { reasons } from "../../containers/reasons.ts";
import type { ContainerStatus } from "../../containers/status.ts";
import type { Problem } from "../../core/errors.ts";
import { describeMaintenance } from "../maintenance.ts";
import { isMild } from "../mild.ts";
import type { ContainersStatus, MaintenanceStatus, MemberStatus, Status } from "../status.ts";
import { sentence } from "./sentence.ts";
import type { Told } from "./told.ts";
import type { Tone } from "./tone.ts";
import { type Wiring, wiringOf } from "./wiring.ts";

/** All that the page shows, in words: picked from the status one by one, so that nothing gets out by being added there. */
export interface PageView {
  /** Milliseconds since the epoch, as all times here. */
  readonly at: number;
  readonly host: string;
  readonly version: string;
  readonly tone: Tone;
  readonly headline: string;
  readonly detail: string;
  /** What whoever looks has to know first, whatever the verdict is. */
  readonly banner?: string;
  readonly facts: readonly Fact[];
  readonly problems: readonly Wrong[];
  readonly wiring?: Wiring;
  readonly containers: { readonly note: string; readonly list: readonly ContainerView[] };
  /** The latest first. */
  readonly events: readonly Told[];
}

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly tone?: Tone;
  /** Shown as the time since then, in place of the value. */
  readonly since?: number;
  /** Shown as the time until then, in place of the note. */
  readonly until?: number;
}

export interface Wrong extends Pick<Problem, "message" | "hint"> {
  readonly code?: string;
  readonly tone: Tone;
}

export interface ContainerView {
  readonly name: string;
  readonly image: string;
  readonly state: string;
  readonly stateTone: Tone;
  readonly health: string;
  readonly startedAt?: number;
  readonly verdict: string;
  readonly tone: Tone;
  readonly reason: string;
}

/** What surrounds the status: which host this is, when it was asked, and what happened lately. */
export interface Surroundings {
  readonly host: string;
  readonly at: number;
  readonly events: readonly Told[];
}

export function viewOf(status: Status, { host, at, events }: Surroundings): PageView {
  const problems = problemsOf(status);
  const wiring = wiringOf(status.network);
  return {
    at,
    host,
    version: status.version,
    ...verdictOf(status, problems),
    ...(status.maintenance && { banner: bannerOf(status.maintenance) }),
    facts: factsOf(status, at),
    problems,
    ...(wiring === undefined ? {} : { wiring }),
    containers: containersOf(status.containers, at),
    events,
  };
}

function verdictOf(
  { ready, network }: Status,
  problems: readonly Wrong[],
): Pick<PageView, "tone" | "headline" | "detail"> {
  const [first] = problems;
  const more = problems.length > 1 ? ` And ${problems.length - 1} more, below.` : "";
  const detail = first === undefined ? "" : `${first.message}.${more}`.replace("..", ".");
  if (network.change !== undefined) {
    return {
      tone: "warn",
      headline: "Changing",
      detail: "A change of the network waits to be confirmed, or undoes itself.",
    };
  }
  if (ready === "no")
    return { tone: "wait", headline: "Starting", detail: detail || "The network does not stand yet." };
  if (problems.some(({ tone }) => tone === "bad")) return { tone: "bad", headline: "In trouble", detail };
  if (ready === "degraded")
    return { tone: "bad", headline: "Degraded", detail: detail || "The network does not stand." };
  if (first !== undefined) return { tone: "warn", headline: "Needs a look", detail };
  const stands = network.revision === undefined ? "No network is configured" : "The network stands as configured";
  return { tone: "good", headline: "In order", detail: `${stands}, and nothing is wrong.` };
}

function bannerOf(maintenance: MaintenanceStatus): string {
  return `${sentence(describeMaintenance(maintenance))}. Nothing is repaired or restarted by itself.`;
}

function problemsOf({ network, os, containers, controller }: Status): readonly Wrong[] {
  const members = network.bond?.members ?? [];
  const cut = members.filter(({ link }) => link === "down" || link === "missing");
  const allCut = cut.length > 0 && cut.length === members.length;
  const ofNic = ({ code, message }: Problem): boolean =>
    code.startsWith("E_NIC_") && cut.some(({ nic }) => message.includes(`${nic} `));
  // Told below, with what it means: they are among what the network tells too.
  const ofContainers = ({ code, message }: Problem): boolean =>
    (containers?.problems ?? []).some((each) => each.code === code && each.message === message);
  const failed = controller?.remote?.error;
  const found: readonly Wrong[] = [
    ...network.problems
      .filter((problem) => !ofNic(problem) && !ofContainers(problem))
      .map((problem) => wrong(problem, isMild(problem) ? "warn" : "bad")),
    ...cut.map((member) => cutOff(member, allCut)),
    // That a container is down is trouble; that Docker is not asked or not there is for somebody to look at.
    ...(containers?.problems ?? []).map((each) => wrong(each, down.test(each.code) ? "bad" : "warn")),
    ...os.problems.map((problem) => wrong(problem, "warn")),
    ...(controller?.problem === undefined ? [] : [wrong(controller.problem, "warn")]),
    ...(failed === undefined
      ? []
      : [{ message: sentence(`the controller's configuration failed: ${failed}`), tone: "warn" } as const]),
  ];
  // What is worst comes first, and is what the verdict names.
  return [...found.filter(({ tone }) => tone === "bad"), ...found.filter(({ tone }) => tone !== "bad")];
}

const down = /^E_CONTAINER_(ALERT|OPENVSWITCH|RESTART)$/;

function wrong({ code, message, hint }: Problem, tone: Tone): Wrong {
  return { code, message: sentence(message), ...(hint === undefined ? {} : { hint }), tone };
}

/** In place of what the network's own problems say of the NIC: what it means for the host comes first. */
function cutOff({ nic, fabric, link }: MemberStatus, all: boolean): Wrong {
  const cable = fabric === undefined ? "" : ` to fabric ${fabric}`;
  const result = all ? "the host is off the net" : "the bond has lost its redundancy";
  const tone = all ? "bad" : "warn";
  if (link === "missing") return { message: `${nic} is missing: ${result}`, tone };
  return { message: `${nic} has no link${cable}: ${result}`, hint: "Check the cable and the switch port.", tone };
}

function factsOf(status: Status, at: number): readonly Fact[] {
  const { network, startedAt, pid } = status;
  const mode = network.mode === "observe" ? "observes only" : "enforced";
  const confirmed = network.confirmedAt === undefined ? "not confirmed" : `confirmed ${minute(network.confirmedAt)}`;
  const revision: Fact =
    network.change !== undefined
      ? { name: "Network", value: "Changing", note: "", tone: "warn", until: at + network.change.remainingMs }
      : network.revision === undefined
        ? { name: "Network", value: "Not configured", note: "" }
        : { name: "Network", value: `Revision ${network.revision}`, note: `${mode}, ${confirmed}` };
  return [
    revision,
    osFact(status.os),
    controllerFact(status.controller),
    {
      name: "Agent up for",
      value: `since ${new Date(startedAt).toISOString()}`,
      since: startedAt,
      note: `process ${pid}`,
    },
  ];
}

function osFact({ view }: Status["os"]): Fact {
  const name = "Operating system";
  if (view.state === "unknown") return { name, value: "Not known yet", note: "" };
  if (view.state === "absent") return { name, value: "No deployments", note: view.reason };
  const { deployments } = view.deployments;
  const booted = deployments.find(({ role }) => role === "booted");
  const next = deployments.find(({ role }) => role === "staged" || role === "pending");
  const value = booted?.version ?? booted?.checksum.slice(0, 12) ?? "Nothing booted";
  const fell = view.fellBackFrom !== undefined;
  const note = fell
    ? `fell back from ${view.fellBackFrom.slice(0, 12)}`
    : next === undefined
      ? `booted, as ${view.deployments.source} tells`
      : `booted; ${next.version ?? next.checksum.slice(0, 12)} is ${next.role}`;
  return { name, value, note, ...(fell ? { tone: "warn" as const } : {}) };
}

function controllerFact(controller: Status["controller"]): Fact {
  const name = "Controller";
  if (controller === undefined || controller.session === "off")
    return { name, value: "None", note: "the host stands on its own" };
  const note = hostOf(controller.endpoint);
  if (controller.session === "open") return { name, value: "Connected", note, tone: "good" };
  return { name, value: controller.session === "waiting" ? "Not reached" : "Connecting", note, tone: "warn" };
}

/** Of an endpoint, only where it is: an address may carry a name and a password, or a token behind the question mark. */
function hostOf(endpoint: string | undefined): string {
  return endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).host : "";
}

function containersOf(containers: ContainersStatus | undefined, at: number): PageView["containers"] {
  if (containers === undefined) return { note: "Not looked at yet.", list: [] };
  const { docker, observedAt, list } = containers;
  const seen = observedAt === undefined ? "" : ` Seen last ${Math.max(0, Math.round((at - observedAt) / 1000))} s ago:`;
  const some = list.length > 0 ? seen : "";
  const all = list.map(containerView);
  const calls = ({ tone }: ContainerView): boolean => tone === "bad";
  const views = [...all.filter(calls), ...all.filter((each) => !calls(each))];
  switch (docker.state) {
    case "absent":
      return { note: `Docker does not run on this host.${some}`, list: views };
    case "unreachable":
      return { note: `Docker does not answer.${some}`, list: views };
    case "connecting":
      return { note: "Docker is being asked.", list: views };
    case "connected":
      return { note: list.length === 0 ? "Docker runs, and no container does." : "", list: views };
  }
}

const verdicts = {
  ok: ["fine", "good"],
  wait: ["wait", "wait"],
  hold: ["left alone", "warn"],
  restart: ["restart due", "bad"],
  alert: ["alert", "bad"],
} as const satisfies Record<ContainerStatus["verdict"], readonly [string, Tone]>;

function containerView(one: ContainerStatus): ContainerView {
  const [verdict, tone] = verdicts[one.verdict];
  const exit = one.exit === undefined ? "" : `exit code ${one.exit.code}`;
  const running = one.state === "running";
  const health = one.health === "none" ? (running ? "" : exit) : one.health;
  const stateTone = running ? (one.health === "unhealthy" ? "bad" : "good") : one.verdict === "ok" ? "wait" : "bad";
  return {
    name: one.name,
    image: one.image ?? "",
    state: one.state,
    stateTone,
    health,
    ...(running && one.startedAt !== undefined ? { startedAt: one.startedAt } : {}),
    verdict,
    tone,
    reason: reasons[one.reason][1],
  };
}

/** `2026-01-31T12:00:05.123Z` without what nobody reads from two metres. */
function minute(iso: string): string {
  return `${iso.slice(0, 16).replace("T", " ")} UTC`;
}
