import * as v from "valibot";
import type { Problem } from "../core/errors.ts";
import { networkAlone } from "./alone.ts";
import type { Finding } from "./checks/finding.ts";
import { findingsOf } from "./checks/index.ts";
import { toSettings } from "./convert.ts";
import { draftOf } from "./draft.ts";
import { hashOf } from "./hash.ts";
import { merge } from "./merge.ts";
import { closedKey, openedPaths } from "./openings.ts";
import { configSchema } from "./schema.ts";
import type { Settings } from "./settings.ts";
import { CONTROLLER_RANK, type ConfigFiles, readFiles, readRanks, type Source, type Sources } from "./sources.ts";
import { unknownKeys, wrongValues } from "./structure.ts";
import { closedMetrics } from "./timing.ts";
import { formatPath, leavesOf, locate, type MapNode, type Origin, toPlain } from "./tree.ts";
import { parseYaml } from "./yaml.ts";

const OWN_RANK = 2;

export type LoadResult = Loaded | Refused;

export interface Loaded extends Merged, Accepted {
  readonly ok: true;
}

export interface Accepted {
  readonly settings: Settings;
  /** SHA-256 in hex of `settings.network` as canonical JSON; of `null` where there is no network. */
  readonly networkHash: string;
  /** What `settings` was made from, without defaults. */
  readonly merged: unknown;
}

export interface Refused extends Merged {
  readonly ok: false;
  /** All of them, in the order of the files. */
  readonly problems: readonly Problem[];
  /** The network that a host without one may begin with: nothing is wrong with it. All else is at its default, or closed. */
  readonly alone?: Accepted;
}

interface Merged {
  /** The files that were read, lowest rank first, with their text for excerpts. */
  readonly sources: readonly Source[];
  /** The merged configuration as it was written, without defaults; what could be read of it when it was refused. */
  readonly merged: unknown;
  /** Each leaf of `merged` and the place that said it. */
  readonly origins: readonly Origin[];
  /** Worth knowing, and no reason to refuse: also files of the controller that were left out. */
  readonly warnings: readonly Problem[];
  /** Files of the controller that do not count; `warnings` says why. */
  readonly leftOut: readonly string[];
}

/**
 * Reads, merges and validates the configuration of a host whose root directory is `root` ("/" on a real one).
 * Never throws for what is wrong with the configuration: that is the result.
 */
export async function loadSettings(root: string, files: ConfigFiles): Promise<LoadResult> {
  return load(await readRanks(root, files));
}

/** The same, as if the controller had sent `text` (null: nothing) as this file. Reads the others, and writes nothing. */
export async function loadSettingsWith(
  root: string,
  files: ConfigFiles,
  file: string,
  text: string | null,
): Promise<LoadResult> {
  const { sources, ...read } = await readRanks(root, files);
  const others = sources.filter((source) => source.file !== file);
  const after = others.findIndex(({ rank }) => rank > CONTROLLER_RANK);
  const offered = text === null ? [] : [{ file, rank: CONTROLLER_RANK, text }];
  return load({ ...read, sources: others.toSpliced(after < 0 ? others.length : after, 0, ...offered) });
}

/** The same for given files alone, merged in the order given. */
export async function loadFiles(paths: readonly string[], files: ConfigFiles): Promise<LoadResult> {
  return load(await readFiles(paths, files));
}

/** The pure core: the texts of all fragments, lowest rank first, into settings or problems. */
export function parseFragments(sources: readonly Source[]): LoadResult {
  return load({ sources, problems: [], warnings: [] });
}

/** The same for maps that lie in a larger document, the lowest rank first; each keeps the places where it was written. */
export function parseMaps(maps: readonly MapNode[]): LoadResult {
  const fragments = maps.map((tree) => {
    const source: Source = { file: tree.at.file, rank: OWN_RANK, text: "" };
    return { source, tree, problems: unknownKeys(configSchema, tree), warnings: [] };
  });
  return weigh(fragments, { sources: [], problems: [], warnings: [] });
}

function load(sources: Sources): LoadResult {
  return weigh(parseAll(sources.sources), sources);
}

function weigh(fragments: readonly ParsedSource[], { sources, ...read }: Sources): LoadResult {
  const own = fragments.filter(({ source }) => source.rank !== CONTROLLER_RANK);
  const opened = openedPaths(mergeAll(own));
  const refusals = fragments
    .filter(({ source }) => source.rank === CONTROLLER_RANK)
    .map((fragment) => refusal(fragment, opened));
  const refused = new Map(refusals.flatMap((entry) => (entry ? [entry] : [])));
  const kept = fragments.filter(({ source }) => !refused.has(source.file));
  const tree = mergeAll(kept);
  const warnings = [...read.warnings, ...[...refused.values()].flat(), ...kept.flatMap(({ warnings }) => warnings)];
  const problems = [...read.problems, ...kept.flatMap((fragment) => fragment.problems)];
  // A file that could not be read may hold what the others refer to: judging them without it would invent problems.
  const whole = read.problems.length === 0 && kept.every((fragment) => fragment.tree);
  const judged = whole ? judge(tree, kept) : { problems: [], warnings: [] };
  const merged = {
    sources,
    merged: toPlain(tree),
    origins: tree.entries.size > 0 ? leavesOf(tree) : [],
    warnings: inOrder([...warnings, ...judged.warnings], sources),
    leftOut: [...refused.keys()],
  };
  const all = [...problems, ...judged.problems];
  const result = v.safeParse(configSchema, merged.merged);
  if (all.length === 0 && result.success)
    return { ok: true, ...merged, ...accept(toSettings(result.output), merged.merged) };
  // Of what the host itself says: with a controller section that is wrong nobody knows what was opened.
  const alone = acceptAlone(mergeAll(own), all);
  const explained = inOrder(all.length > 0 ? all : [UNEXPLAINED], sources);
  return { ok: false, problems: explained, ...(alone && { alone }), ...merged };
}

function accept(settings: Settings, merged: unknown): Accepted {
  return { settings, networkHash: hashOf(settings.network ?? null), merged };
}

function acceptAlone(own: MapNode, problems: readonly Problem[]): Accepted | undefined {
  const tree = problems.length > 0 ? networkAlone(own, problems) : undefined;
  if (tree === undefined || judge(tree, []).problems.length > 0) return undefined;
  const merged = toPlain(tree);
  const result = v.safeParse(configSchema, merged);
  return result.success ? accept({ ...toSettings(result.output), metrics: closedMetrics }, merged) : undefined;
}

// The walk over the tree and the schema library must agree; a test with random configurations looks for the gap.
const UNEXPLAINED: Problem = {
  code: "E_INTERNAL",
  message: "the configuration does not fit the schema, and the place could not be found",
  hint: "This is a bug in devcloud-agent: please report it with the configuration.",
};

interface ParsedSource {
  readonly source: Source;
  readonly tree?: MapNode;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

function parseAll(sources: readonly Source[]): ParsedSource[] {
  return sources.map((source) => {
    const fragment = parseYaml(source.file, source.text);
    const unknown = fragment.tree ? unknownKeys(configSchema, fragment.tree) : [];
    return { source, ...fragment, problems: [...fragment.problems, ...unknown] };
  });
}

/**
 * What the controller sent can be left out, and then it is only a warning: a bad message from outside must not take
 * the host's own valid configuration away.
 */
function refusal(
  { source, tree, problems }: ParsedSource,
  opened: ReturnType<typeof openedPaths>,
): [string, Problem[]] | undefined {
  const closed = tree && closedKey(tree, opened);
  if (closed) return [source.file, [closed]];
  return problems.length > 0 ? [source.file, [...problems]] : undefined;
}

function mergeAll(fragments: readonly ParsedSource[]): MapNode {
  const file = fragments[0]?.source.file ?? "";
  const nothing: MapNode = { kind: "map", at: { file, line: 1, column: 1 }, entries: new Map() };
  return fragments.reduce((merged, { tree }) => (tree ? merge(merged, tree) : merged), nothing);
}

interface Judgement {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

function judge(tree: MapNode, fragments: readonly ParsedSource[]): Judgement {
  if (tree.entries.size === 0) return { problems: [empty(fragments)], warnings: [] };
  const findings = findingsOf(draftOf(toPlain(tree)));
  const told = findings.map((finding) => ({ warning: finding.warning, problem: placed(finding, tree) }));
  return {
    problems: [...wrongValues(configSchema, tree), ...told.filter((one) => !one.warning).map((one) => one.problem)],
    warnings: told.filter((one) => one.warning).map((one) => one.problem),
  };
}

function placed({ code, message, path, at, expected, hint }: Finding, tree: MapNode): Problem {
  return {
    code,
    message,
    path: formatPath(path),
    ...locate(tree, path, at ?? "value"),
    ...(expected !== undefined && { expected }),
    ...(hint !== undefined && { hint }),
  };
}

function empty(fragments: readonly ParsedSource[]): Problem {
  const only = fragments[0]?.source.file;
  return {
    code: "E_CONFIG_EMPTY",
    message: fragments.length === 0 ? "there is no configuration" : "the configuration says nothing",
    ...(only !== undefined && { file: only, line: 1, column: 1 }),
    expected: "at least `version: 1`",
    hint: "Begin with /usr/share/doc/devcloud-agent/host.yaml; yours is /etc/devcloud-agent/config.d/50-host.yaml.",
  };
}

const MAX_TEXT = 400;

/** By file as they rank, then by place; the same thing is told once. */
function inOrder(problems: readonly Problem[], sources: readonly Source[]): Problem[] {
  const ranks = new Map(sources.map(({ file }, index) => [file, index]));
  const rank = (problem: Problem) => ranks.get(problem.file ?? "") ?? -1;
  const sorted = problems
    .map(bounded)
    .toSorted((a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  const seen = new Set<string>();
  return sorted.filter(({ code, file, line, column, path }) => {
    const id = JSON.stringify([code, file, line, column, path]);
    return !seen.has(id) && seen.add(id);
  });
}

// A megabyte of text in one value must not become a megabyte of log and status.
function bounded(problem: Problem): Problem {
  const { message, path, expected, hint } = problem;
  return {
    ...problem,
    message: cut(message),
    ...(path !== undefined && { path: cut(path) }),
    ...(expected !== undefined && { expected: cut(expected) }),
    ...(hint !== undefined && { hint: cut(hint) }),
  };
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}
