import { type Reason, reasons } from "../../containers/reasons.ts";
import type { Drift } from "../../core/step.ts";
import { isMild } from "../mild.ts";
import { describeOther } from "../others.ts";
import { sentence } from "./sentence.ts";
import type { Tone } from "./tone.ts";

/** Something that happened, for people. */
export interface Told {
  readonly at: number;
  readonly text: string;
  readonly tone: Tone;
}

const KEPT = 10;
const SOUND = "Nothing of the network is wrong any more";

/** What happened lately, the latest first. */
export class Lately {
  #told: readonly Told[] = [];
  /** Whether a problem was told: that there is none is news only then. */
  #wrong = false;

  get told(): readonly Told[] {
    return this.#told;
  }

  /** Keeps an event that people care for; no two alike in a row. */
  take(event: object): void {
    const fields: Fields = { ...event };
    const words = wordsOf(fields);
    if (words === undefined) return;
    const [text, tone] = words;
    if (text === SOUND && !this.#wrong) return;
    if (fields.event === "problems") this.#wrong = text !== SOUND;
    const at = typeof fields.time === "number" ? fields.time : 0;
    const before = this.#told[0]?.text === text ? this.#told.slice(1) : this.#told;
    this.#told = [{ at, text, tone }, ...before].slice(0, KEPT);
  }
}

type Fields = Readonly<Record<string, unknown>>;
type Words = readonly [text: string, tone: Tone];

/** Of a change, the steps that say how it went; those in between are for the log. */
const steps: Readonly<Record<string, Words>> = {
  applied: ["A change of the network was applied", "wait"],
  confirmed: ["A change of the network was confirmed", "good"],
  "rolled-back": ["A change of the network was rolled back", "bad"],
  resumed: ["A change of the network was taken up again after a restart", "warn"],
};

const controllerSteps: Readonly<Record<string, Words>> = {
  connected: ["The controller is connected", "good"],
  lost: ["The controller was lost", "warn"],
  offered: ["The controller offered a configuration", "wait"],
  applied: ["The controller's configuration was applied", "good"],
  failed: ["The controller's configuration failed", "bad"],
};

/** An event of a kind or with a value that nobody here knows is not told. */
function wordsOf(event: Fields): Words | undefined {
  switch (event.event) {
    case "net-ready":
      return ["The network stands", "good"];
    case "ready":
      return event.degraded === true ? ["The agent is ready, degraded", "warn"] : ["The agent is ready", "good"];
    case "failover":
      return failoverWords(event);
    case "gray":
      return grayWords(event);
    case "drain":
      return [sentence(`${word(event.nic, "A NIC")} is drained until ${word(event.until, "further notice")}`), "warn"];
    case "undrain":
      return [`The bond may use ${word(event.nic, "a NIC")} again${entryOf(over, event.why) ?? ""}`, "good"];
    case "rung":
      return event.rung === 0
        ? [sentence(word(event.what, "the network stands again")), "good"]
        : [`Rung ${String(event.rung)} of 3: ${word(event.what, "the network does not stand as configured")}`, "bad"];
    case "repair-undone":
      return ["A repair of the network cut the host off, and was taken back", "bad"];
    case "others":
      return othersWords(event);
    case "maintenance":
      return maintenanceWords(event);
    case "uplink":
      return ["The watch of the uplinks failed once, and goes on", "warn"];
    case "change":
      return entryOf(steps, event.step);
    case "drift":
      return [
        `The network differs from the configuration${event.left === true ? ", and is left so" : ""}: ${word(event.change, "")}`,
        "warn",
      ];
    case "controller":
      return entryOf(controllerSteps, event.step);
    case "docker":
      return [`Docker is ${word(event.state, "unknown")}`, event.state === "connected" ? "good" : "warn"];
    case "container":
      return containerWords(event);
    case "container-action":
      return [
        `${word(event.name, "A container")}: ${word(event.action, "action")}, ${word(event.result, "")}`,
        event.result === "failed" ? "bad" : "wait",
      ];
    case "problems":
      return problemsWords(event);
    default:
      return undefined;
  }
}

/** Why a bond left a member. */
const causes: Readonly<Record<string, (nic: string) => string>> = {
  carrier: (nic) => `: ${nic} lost its link`,
  drain: (nic) => `: ${nic} is drained`,
  gray: (nic) => `: nobody answers over ${nic}`,
  flapping: (nic) => `: the link of ${nic} comes and goes`,
};

/** Why a member is used again, where nobody said it. */
const over: Readonly<Record<string, string>> = {
  drained: ": its drain is over",
  flapping: ": its link has been quiet",
  deaf: "",
};

function failoverWords({ from, to, cause, moves }: Fields): Words {
  const why = typeof from === "string" ? (entryOf(causes, cause)?.(from) ?? "") : "";
  const often = typeof moves === "number" && moves > 1 ? `; ${moves} moves since it was told last` : "";
  if (typeof to !== "string") return [`No link carries the bond any more${why}${often}`, "bad"];
  return [
    typeof from === "string"
      ? `The bond moved from ${from} to ${to}${why}${often}`
      : `The bond is carried again, by ${to}`,
    "warn",
  ];
}

function grayWords({ from, to, healed, silentMs }: Fields): Words {
  const was = `Nobody answered over ${word(from, "a NIC")}, and the bond was moved to ${word(to, "another")}`;
  const after = typeof silentMs === "number" ? `, after ${(silentMs / 1000).toFixed(1)} s` : "";
  return healed === true ? [`${was}: it works again${after}`, "warn"] : [`${was}: nobody answers there either`, "bad"];
}

function othersWords({ others }: Fields): Words | undefined {
  if (!Array.isArray(others)) return undefined;
  const texts = others.filter(isDrift).map(describeOther);
  return texts.length === 0
    ? ["Nothing that is not ours is on our bridge any more", "good"]
    : [`Not ours, and left alone: ${texts.join("; ")}`, "wait"];
}

function isDrift(value: unknown): value is Drift {
  if (typeof value !== "object" || value === null) return false;
  const { object, field }: Fields = { ...value };
  return typeof object === "string" && typeof field === "string";
}

function maintenanceWords({ state, until, reason }: Fields): Words | undefined {
  const why = typeof reason === "string" ? `: ${reason}` : "";
  switch (state) {
    case "on":
      return [sentence(`Maintenance until ${word(until, "further notice")}${why}`), "warn"];
    case "off":
      return ["Maintenance is over", "good"];
    case "unknown":
      return ["Whether there is maintenance cannot be read", "bad"];
    default:
      return undefined;
  }
}

function containerWords({ name, state, verdict, reason }: Fields): Words {
  const tone = verdict === "ok" ? "good" : verdict === "alert" || verdict === "restart" ? "bad" : "wait";
  return [`${word(name, "A container")}: ${isReason(reason) ? reasons[reason][1] : word(state, "unknown")}`, tone];
}

/** What has events of its own: a change that was rolled back, a NIC that is drained, a rung. */
const ownEvents = /^E_((NETWORK|CHANGE)_.*ROLLED_BACK|NIC_DRAINED|NETWORK_RUNG)$/;

function problemsWords({ count, problems }: Fields): Words | undefined {
  if (count === 0) return [SOUND, "good"];
  const all: readonly unknown[] = Array.isArray(problems) ? problems : [];
  const told = all.map((problem): Fields => (typeof problem === "object" ? { ...problem } : {}));
  const first = told.find(({ code }) => !ownEvents.test(word(code, "")));
  if (first === undefined) return told.length > 0 ? undefined : ["Something is wrong", "bad"];
  const mild = isMild({ code: word(first.code, "") });
  return [sentence(word(first.message, "something is wrong")), mild ? "warn" : "bad"];
}

function isReason(value: unknown): value is Reason {
  return typeof value === "string" && Object.hasOwn(reasons, value);
}

/** What a table has of its own under a key that an event brought. */
function entryOf<T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === "string" && Object.hasOwn(table, key) ? table[key] : undefined;
}

function word(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}
