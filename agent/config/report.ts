import pc from "picocolors";
import type { Problem } from "../core/errors.ts";
import { Excerpts } from "./excerpt.ts";
import { printable } from "./printable.ts";
import type { Source } from "./sources.ts";

/** What one screen holds: 24 lines were yesterday, 40 are everywhere. */
const SCREEN = 38;
const MOST = 20;

export interface ReportOptions {
  readonly colour: boolean;
  /** For excerpts; without them there are none. A line that may show a secret is never one. */
  readonly sources?: readonly Source[];
  readonly heading: string;
}

type Colours = ReturnType<typeof pc.createColors>;

/**
 * The problems for a person, on one screen: each with place, path, what was expected and a hint; with fewer words each
 * when there are many, and the number of those that did not fit.
 */
export function renderProblems(problems: readonly Problem[], options: ReportOptions): string {
  const colours = pc.createColors(options.colour);
  const shown = problems.slice(0, MOST);
  const more = problems.length > shown.length ? [`... and ${problems.length - shown.length} more`] : [];
  const room = SCREEN - 1 - more.length;
  const excerpts = new Excerpts(options.sources);
  const forms = [full, short, oneLine].map(
    (form) => () => shown.flatMap((problem) => form(problem, excerpts, colours)),
  );
  let lines: string[] = [];
  for (const form of forms) {
    lines = form();
    if (lines.length <= room) break;
  }
  return `${[colours.bold(options.heading), ...lines.slice(0, room), ...more].join("\n")}\n`;
}

function full(problem: Problem, excerpts: Excerpts, colours: Colours): string[] {
  const lines = [
    "",
    title(problem, colours),
    `  ${printable(problem.message)}`,
    ...excerpt(problem, excerpts, colours),
  ];
  if (problem.expected !== undefined) lines.push(`  expected: ${printable(problem.expected)}`);
  if (problem.hint !== undefined) lines.push(colours.cyan(`  hint: ${printable(problem.hint, 400)}`));
  return lines;
}

function short(problem: Problem, _excerpts: Excerpts, colours: Colours): string[] {
  const expected = problem.expected !== undefined ? [`expected: ${printable(problem.expected)}`] : [];
  const hint = problem.hint !== undefined ? [colours.cyan(`hint: ${printable(problem.hint)}`)] : [];
  const advice = [...expected, ...hint].join("; ");
  const first = `${title(problem, colours)}: ${printable(problem.message)}`;
  return advice === "" ? [first] : [first, `  ${advice}`];
}

function oneLine(problem: Problem, _excerpts: Excerpts, colours: Colours): string[] {
  return [`${title(problem, colours)}: ${printable(problem.message, 100)}`];
}

function title(problem: Problem, colours: Colours): string {
  const path = problem.path ? ` ${colours.bold(printable(problem.path))}` : "";
  const place = placeOf(problem);
  return `${place === "" ? "" : `${place} `}${colours.red(problem.code)}${path}`;
}

/** `FILE:LINE:COLUMN`, as far as it is known: what editors and terminals make a link of. */
function placeOf({ file, line, column }: Problem): string {
  return [file === undefined ? undefined : printable(file, 1000), line, column]
    .filter((part) => part !== undefined)
    .join(":");
}

function excerpt(problem: Problem, excerpts: Excerpts, colours: Colours): string[] {
  const { line, column } = problem;
  const content = excerpts.lineOf(problem);
  if (content === undefined || line === undefined || column === undefined) return [];
  // A long line is shown from a little before the place.
  const start = column > 80 ? column - 40 : 0;
  const number = String(line).padStart(5);
  const visible = printable(content.slice(start, start + 100), 100).replaceAll("\t", " ");
  const pointer = " ".repeat(Math.max(0, printable(content.slice(start, column - 1), 100).length));
  return [colours.dim(`${number} | `) + visible, colours.dim(`${" ".repeat(5)} | `) + colours.red(`${pointer}^`)];
}
