import pc from "picocolors";
import { exitText } from "../containers/exit-class.ts";
import type { JournalEntry } from "../containers/journal.ts";
import { explain, explainDrift } from "../containers/problems.ts";
import { reasons, type VerdictKind } from "../containers/reasons.ts";
import type { ContainerStatus } from "../containers/status.ts";
import type { ContainersStatus } from "../web/status.ts";

type Paint = ReturnType<typeof pc.createColors>;

/** A line of `status`. */
export function renderContainersLine({ docker, list }: ContainersStatus): string {
  const ours = list.filter(({ reason }) => reason !== "ignored");
  const counts = new Map<VerdictKind, number>();
  for (const { verdict } of ours) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const words = [...counts].map(([verdict, count]) => `${count} ${verdict}`);
  const seen = docker.state === "connected" ? "" : `, Docker is ${docker.state}`;
  return `containers ${words.length === 0 ? "none" : words.join(", ")}${seen}`;
}

/** The table of `containers list`. */
export function renderList(list: readonly ContainerStatus[], hidden: number, colour: boolean): readonly string[] {
  const paint = pc.createColors(colour);
  const rows = list.map((status) => [
    status.name,
    stateOf(status),
    ownerOf(status),
    status.kind,
    status.mode,
    status.verdict,
    status.reason,
  ]);
  const heads = ["NAME", "STATE", "OWNER", "CLASS", "MODE", "VERDICT", "REASON"];
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[], verdict?: VerdictKind): string =>
    row
      .map((cell, at) => {
        const padded = at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0);
        return at === 5 && verdict !== undefined ? colourOf(verdict, paint)(padded) : padded;
      })
      .join("  ");
  if (rows.length === 0) return ["No containers of Kolla's.", ...hiddenLine(hidden)];
  return [paint.dim(line(heads)), ...rows.map((row, at) => line(row, list[at]?.verdict)), ...hiddenLine(hidden)];
}

function hiddenLine(hidden: number): readonly string[] {
  return hidden === 0 ? [] : [`(${hidden} more that are none of the agent's: --all)`];
}

/** The answer of `containers why`. */
export function renderWhy(
  status: ContainerStatus,
  history: readonly JournalEntry[],
  colour: boolean,
): readonly string[] {
  const paint = pc.createColors(colour);
  const { name, image, id, exit, startedAt, restarts, verdict, reason, until, drift } = status;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["container", id === undefined ? undefined : `${id.slice(0, 12)} from ${image ?? "?"}`],
    ["state", stateOf(status)],
    ["exit", exit && `code ${exit.code}, ${exitText(exit)}${exit.at === undefined ? "" : `, ${time(exit.at)}`}`],
    ["started", startedAt === undefined ? undefined : time(startedAt)],
    ["owner", `${ownerOf(status)}, restarted it ${restarts} times`],
    ["class", `${status.kind}, ${status.origin}, mode ${status.mode}`],
    ["look again", until === undefined ? undefined : time(until)],
  ];
  return [
    `${name}: ${colourOf(verdict, paint)(verdict)} (${reason})`,
    `  ${explain(status)}`,
    ...rows.flatMap(([word, text]) => (text === undefined ? [] : [`  ${word.padEnd(11)}${text}`])),
    ...drift.map((each) => `  drift      ${explainDrift(each)}`),
    ...(history.length === 0 ? [] : ["  what happened"]),
    ...history.map((entry) => `    ${time(entry.at)} ${told(entry)}`),
    ...lastLog(history, paint),
  ];
}

function told(entry: JournalEntry): string {
  switch (entry.kind) {
    case "stopped":
      return "somebody stopped it";
    case "result":
      return `result: ${entry.result}${entry.detail === undefined ? "" : `: ${entry.detail}`}`;
    case "intent": {
      const exit = entry.exit === undefined ? "" : ` (exit code ${entry.exit.code}, ${entry.exit.class})`;
      return `${entry.action}, attempt ${entry.attempt}: ${reasons[entry.cause][1]}${exit}`;
    }
  }
}

function lastLog(history: readonly JournalEntry[], paint: Paint): readonly string[] {
  const last = history.findLast((entry) => entry.kind === "intent");
  if (last === undefined || last.log.length === 0) return [];
  return ["  its last words before that", ...last.log.slice(-10).map((line) => paint.dim(`    ${printable(line)}`))];
}

/** What a container writes must not steer the terminal. */
function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, "?").slice(0, 200);
}

function stateOf({ state, health, exit }: ContainerStatus): string {
  if (exit !== undefined) return `${state} ${exit.code} (${exit.class})`;
  return health === "none" ? state : `${state}, ${health}`;
}

function ownerOf({ owner }: ContainerStatus): string {
  switch (owner.kind) {
    case "unit":
      return `unit ${owner.state}`;
    case "policy":
      return `policy ${owner.name}`;
    default:
      return owner.kind === "none" ? "nobody" : "unknown";
  }
}

function colourOf(verdict: VerdictKind, paint: Paint): (text: string) => string {
  return { ok: paint.green, wait: paint.yellow, restart: paint.yellow, hold: paint.yellow, alert: paint.red }[verdict];
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").slice(0, 19);
}
