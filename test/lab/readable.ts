import type { LogLine } from "./agent.ts";
import { paint } from "./walk.ts";

/** A line of the agent's log for people, or undefined where it is of no interest in a live view. */
export function readable(host: string, line: LogLine): string | undefined {
  const time = new Date(line.time ?? Date.now()).toISOString().slice(11, 23);
  const head = `${paint("dim", time)} ${paint("cyan", host)} `;
  if (line.raw) return head + paint("dim", line.msg ?? "");
  const text = describe(line);
  if (text === undefined) return undefined;
  return head + paintLevel(line, text);
}

/** pino's levels as words or as numbers. */
function paintLevel({ level, problems }: LogLine, text: string): string {
  if (level === "error" || level === "fatal" || Number(level) >= 50) return paint("red", text);
  const warns = level === "warn" || Number(level) >= 40 || (Array.isArray(problems) && problems.length > 0);
  return warns ? paint("yellow", text) : text;
}

function describe(line: LogLine): string | undefined {
  const field = (name: string): string => (line[name] === undefined ? "" : String(line[name]));
  switch (line.event) {
    case "ready":
      return line.degraded ? `READY, but degraded: ${field("reason")}` : "READY: the network stands";
    case "net-ready":
      return "net-ready: Docker may start";
    case "change":
      return describeChange(line);
    case "failover":
      return `failover: ${field("from") || "no NIC"} -> ${field("to") || "no NIC"}`;
    case "drift":
      return `drift: ${field("object")} ${field("field")}: ${JSON.stringify(line.current)} should be ${JSON.stringify(line.desired)}`;
    case "problems":
      return describeProblems(line.problems);
    case "controller":
      return describeController(line);
    case "state":
      return undefined;
    default:
      return line.msg;
  }
}

function describeProblems(problems: unknown): string {
  const list: unknown[] = Array.isArray(problems) ? problems : [];
  if (list.length === 0) return "no problem is left";
  const texts = list.map((each) =>
    typeof each === "object" && each !== null && "message" in each ? each.message : each,
  );
  return `problem: ${texts.join("; ")}`;
}

const changeWords: Readonly<Record<string, string>> = {
  pending: "a change begins; it is written down, so that a crash cannot lose it",
  armed: "the dead-man is armed: it takes the change back if nobody confirms it",
  transaction: "one OVSDB transaction is built",
  committed: "committed",
  applied: "applied by Open vSwitch",
  addressed: "addresses and routes stand",
  verified: "verified: planning again finds nothing to do",
  confirmed: "confirmed: this is the last good network now",
};

function describeChange(line: LogLine): string {
  const { step = "" } = line;
  const failed = Array.isArray(line.failed) ? line.failed.join("; ") : "";
  if (step === "probe")
    return `change: good probes ${String(line.good ?? line.n)} of ${String(line.of)}${failed && `; ${failed}`}`;
  if (step === "rolled-back") return `change: rolled back: ${String(line.reason)}`;
  return `change: ${changeWords[step] ?? step}`;
}

function describeController({ step, endpoint, hash, reason, problem, againMs }: LogLine): string {
  const short = String(hash ?? "").slice(0, 8);
  const said = typeof problem === "object" && problem !== null && "message" in problem ? String(problem.message) : "";
  switch (step) {
    case "connected":
      return `controller: connected to ${String(endpoint)}`;
    case "lost":
      return `${said}; again in ${String(againMs)} ms`;
    case "offered":
      return `controller: configuration ${short} is tried`;
    case "applied":
      return `controller: configuration ${short} stands`;
    case "failed":
      return `controller: configuration ${short} failed: ${String(reason)}`;
    default:
      return said;
  }
}
