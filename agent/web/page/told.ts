import { type Reason, reasons } from "../../containers/reasons.ts";
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

function wordsOf(event: Fields): Words | undefined {
  switch (event.event) {
    case "net-ready":
      return ["The network stands", "good"];
    case "ready":
      return event.degraded === true ? ["The agent is ready, degraded", "warn"] : ["The agent is ready", "good"];
    case "failover":
      return [
        `The bond moved from ${word(event.from, "nothing")} to ${word(event.to, "nothing")}`,
        event.to === undefined ? "bad" : "warn",
      ];
    case "change":
      return steps[word(event.step, "")];
    case "drift":
      return [`The network differs from the configuration: ${word(event.change, "")}`, "warn"];
    case "controller":
      return controllerSteps[word(event.step, "")];
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

function containerWords({ name, state, verdict, reason }: Fields): Words {
  const tone = verdict === "ok" ? "good" : verdict === "alert" || verdict === "restart" ? "bad" : "wait";
  return [`${word(name, "A container")}: ${isReason(reason) ? reasons[reason][1] : word(state, "unknown")}`, tone];
}

/** A change that was rolled back and a bond that moved have events of their own. */
const ownEvents = /^E_(NETWORK|CHANGE)_.*ROLLED_BACK$/;

function problemsWords({ count, problems }: Fields): Words | undefined {
  if (count === 0) return [SOUND, "good"];
  const first: unknown = Array.isArray(problems) ? problems[0] : undefined;
  const { code, message }: Fields = typeof first === "object" ? { ...first } : {};
  return ownEvents.test(word(code, "")) ? undefined : [sentence(word(message, "something is wrong")), "bad"];
}

function isReason(value: unknown): value is Reason {
  return typeof value === "string" && Object.hasOwn(reasons, value);
}

function word(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}
