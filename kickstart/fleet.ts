import * as v from "valibot";
import {
  type At,
  type LoadResult,
  locate,
  type MapNode,
  merge,
  type Node,
  type Problem,
  parseMaps,
  parseYaml,
  toPlain,
  unknownKeys,
  wrongValues,
} from "../agent/config/host.ts";
import { fleetChecks, hostChecks, hostWarnings } from "./checks/index.ts";
import type { FleetHost, PlacedHost } from "./host.ts";
import { fleetNames, fleetShape, installSchema } from "./schema.ts";

/** Some ten thousand hosts. It is read once by a person's command, and not at every start of a host. */
const MOST_TOKENS = 1_000_000;

export type FleetResult =
  | {
      readonly ok: true;
      readonly hosts: readonly FleetHost[];
      readonly hostsAt: At;
      readonly warnings: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

/** Reads a fleet file: every host in it, whichever is to be rendered. All problems at once, each with its place. Never throws. */
export function readFleet(file: string, text: string): FleetResult {
  const fragment = parseYaml(file, text, MOST_TOKENS);
  if (fragment.tree === undefined) return refused(fragment.problems, fragment.warnings);
  const { tree } = fragment;
  const shape = [...fragment.problems, ...unknownKeys(fleetNames, tree), ...wrongValues(fleetShape, tree)];
  if (shape.length > 0) return refused(shape, fragment.warnings);
  const shared = { install: mapAt(tree, "install"), config: mapAt(tree, "config") };
  const entries = [...(mapAt(tree, "hosts")?.entries ?? [])];
  const read = entries.map(([name, entry]) => readHost(name, entry.key, entry.value, shared));
  const placed = read.flatMap(({ host }) => (host === undefined ? [] : [host]));
  const problems = [...together(read, "problems"), ...fleetChecks(placed)];
  const warnings = [...fragment.warnings, ...together(read, "warnings")];
  if (problems.length > 0) return refused(problems, warnings);
  return { ok: true, hosts: placed, hostsAt: locate(tree, ["hosts"], "key"), warnings: inOrder(warnings) };
}

interface Shared {
  readonly install: MapNode | undefined;
  readonly config: MapNode | undefined;
}

interface ReadHost {
  readonly name: string;
  readonly host?: PlacedHost;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

function readHost(name: string, at: At, node: Node, shared: Shared): ReadHost {
  const own = node.kind === "map" ? node : undefined;
  const install = laid(shared.install, own && mapAt(own, "install"), at);
  const wrong = wrongValues(installSchema, install).map((problem) => ({
    ...problem,
    path: `hosts.${name}.install.${problem.path ?? ""}`,
  }));
  const parts = [shared.config, own && mapAt(own, "config"), given(name, at)].filter((part) => part !== undefined);
  const result: LoadResult = parseMaps(parts);
  const warnings = result.warnings;
  const taken = own && mapAt(own, "config");
  const problems = [
    ...wrong,
    ...[shared.config, taken].flatMap((part) => overridden(part, name)),
    ...(result.ok ? [] : result.problems),
  ];
  if (!result.ok || problems.length > 0) return { name, problems, warnings };
  const { network } = result.settings;
  if (network === undefined) return { name, problems: [noNetwork(name, at)], warnings };
  const config = laidAll(parts, at);
  const trees = { install, config };
  const host: PlacedHost = {
    name,
    at,
    install: v.parse(installSchema, toPlain(install)),
    settings: { ...result.settings, network },
    config: result.merged,
    place: (part, path) => locate(trees[part], path, "value"),
  };
  return { name, host, problems: hostChecks(host), warnings: [...warnings, ...hostWarnings(host)] };
}

/**
 * What is wrong with a shared part is told once, however many hosts have it. What is wrong for some of them only, because of what
 * they lay over it, names the first.
 */
function together(read: readonly ReadHost[], kind: "problems" | "warnings"): Problem[] {
  const found = new Map<string, { readonly problem: Problem; readonly hosts: string[] }>();
  for (const { name, [kind]: problems } of read) {
    for (const problem of problems) {
      const { code, line, column, message } = problem;
      const id = JSON.stringify([code, line, column, message]);
      const known = found.get(id);
      if (known === undefined) found.set(id, { problem, hosts: [name] });
      else known.hosts.push(name);
    }
  }
  return [...found.values()].map(({ problem, hosts: [first = "", ...more] }) => {
    if (more.length + 1 === read.length && read.length > 1) return problem;
    const others = more.length === 0 ? "" : ` and ${more.length} more`;
    return { ...problem, message: `${problem.message} (${first}${others})` };
  });
}

/** What the fleet says of a host without being asked: the format's version, and the host's name. */
function given(name: string, at: At): MapNode {
  const scalar = (value: string | number): { key: At; value: Node } => ({
    key: at,
    value: { kind: "scalar", at, value },
  });
  const host: MapNode = { kind: "map", at, entries: new Map([["name", scalar(name)]]) };
  return {
    kind: "map",
    at,
    entries: new Map([
      ["version", scalar(1)],
      ["host", { key: at, value: host }],
    ]),
  };
}

/** Neither is read: a value that says something else would be lost without a word. */
function overridden(config: MapNode | undefined, name: string): Problem[] {
  const version = config?.entries.get("version")?.value;
  const own = config && mapAt(config, "host")?.entries.get("name")?.value;
  const wrong = (value: Node | undefined, right: string | number) =>
    value === undefined || (value.kind === "scalar" && value.value === right) ? [] : [value.at];
  return [
    ...wrong(version, 1).map((at) => ({
      code: "E_CONFIG_VALUE",
      message: "this is not the version of the configuration that is written on the hosts",
      path: "config.version",
      ...at,
      expected: "1, or nothing",
      hint: "Leave it out.",
    })),
    ...wrong(own, name).map((at) => ({
      code: "E_CONFIG_VALUE",
      message: `the fleet calls this host ${name}`,
      path: "config.host.name",
      ...at,
      expected: `${name}, or nothing`,
      hint: "Leave it out: a host has the name that it has below `hosts`.",
    })),
  ];
}

function laid(base: MapNode | undefined, over: MapNode | undefined, at: At): MapNode {
  const nothing: MapNode = { kind: "map", at, entries: new Map() };
  return { ...merge(base ?? nothing, over ?? nothing), at: over?.at ?? at };
}

function laidAll(parts: readonly MapNode[], at: At): MapNode {
  return parts.reduce((base, over) => laid(base, over, at));
}

function mapAt(tree: MapNode, key: string): MapNode | undefined {
  const value = tree.entries.get(key)?.value;
  return value?.kind === "map" ? value : undefined;
}

function noNetwork(name: string, at: At): Problem {
  return {
    code: "E_FLEET_NO_MANAGEMENT",
    message: `${name} has no network`,
    ...at,
    hint: "Give `config.network` for all hosts, and each host's NICs and address below `hosts`.",
  };
}

function refused(problems: readonly Problem[], warnings: readonly Problem[]): FleetResult {
  return { ok: false, problems: inOrder(problems).map(hinted), warnings: inOrder(warnings) };
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** By the last name of the path. */
const hints: ReadonlyMap<string | undefined, string> = new Map(
  Object.entries({
    disk: "Name the whole disk that may be wiped, and none of its partitions, as `ls -l /dev/disk/by-id` shows it; sda may be another disk at the next boot.",
    lang: "As `locale -a` writes it: the language, the country and .UTF-8; Great Britain is GB.",
    keyboard: "A layout of xkeyboard-config is named by the code of its country; Great Britain is gb.",
    timezone: "As `timedatectl list-timezones` writes it; servers are well off with UTC.",
    release: "`release` is that of the installer's image, not of the system that is installed.",
    name: "A host name has letters, digits, dashes and dots only: it is written into scripts that run as root.",
    gateway: "Is the host's own address right, with its prefix?",
    ssh_keys: "Copy the line from a .pub file.",
  }),
);

const NAMES =
  "A key is a plain name. A text with braces stands in quotes, and a placeholder of a template is filled in first.";

/** Every problem of a fleet file comes with a hint: whoever reads it is seldom the one who wrote the schema. */
function hinted(problem: Problem): Problem {
  if (problem.hint !== undefined) return problem;
  const key = /([A-Za-z_]+)(\[\d+\])?$/.exec(problem.path ?? "")?.[1];
  const byName = problem.code === "E_CONFIG_KEY" ? NAMES : hints.get(key);
  const hint = byName ?? (problem.expected === undefined ? undefined : `Write ${problem.expected}.`);
  return hint === undefined ? problem : { ...problem, hint };
}
