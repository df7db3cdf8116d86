import pc from "picocolors";
import type { Problem } from "../../core/errors.ts";
import { highestRisk, type Risk } from "../../core/step.ts";
import { describe } from "../../network/describe.ts";
import type { Step } from "../../network/steps.ts";
import { renderProblems } from "../network-render.ts";

/** What a step may do to whoever is logged in, or runs here. */
const risks: Readonly<Record<Risk, string>> = {
  none: "nothing stops",
  blip: "tenants' traffic may stop for a moment",
  "management-path": "may cut the management path for a moment",
};

/** Columns of Open vSwitch as a person calls them. */
const words: Readonly<Record<string, string>> = {
  "external_ids:devcloud-hash": "mark: configuration",
  "external_ids:devcloud-nic": "mark: NIC",
  "external_ids:devcloud-owner": "mark: owner",
  "external_ids:devcloud-revision": "mark: revision",
  "external_ids:hostname": "host name",
  "external_ids:system-id": "system-id",
  "options:peer": "other end of the patch",
  "other_config:bond-detect-mode": "loss of a link noticed by",
  "other_config:bond-primary": "preferred member",
  "other_config:hwaddr": "MAC address",
  bond_downdelay: "downdelay, ms",
  bond_mode: "bond mode",
  bond_updelay: "updelay, ms",
  datapath_type: "datapath",
  fail_mode: "without a controller",
  lacp: "LACP",
  mac: "MAC address",
  mtu_request: "MTU",
  tag: "VLAN",
  trunks: "VLANs in the trunk",
  vlan_mode: "VLAN mode",
};

/** A plan as a person reads it: by object, what is and what will be, at what risk, and what is left alone. */
export function renderPlan(
  steps: readonly Step[],
  problems: readonly Problem[],
  untouched: readonly string[],
  colour: boolean,
): string {
  const paint = pc.createColors(colour);
  const risk = highestRisk(steps);
  const count = `${steps.length} ${steps.length === 1 ? "step" : "steps"}`;
  const heading =
    steps.length === 0
      ? paint.green("Nothing to do: the network is as configured.")
      : `${count}; at worst: ${risk === "management-path" ? paint.yellow(risks[risk]) : risks[risk]}.`;
  const groups = [...grouped(steps)].flatMap(([object, own]) => [
    paint.bold(object),
    ...own.flatMap((step) => renderStep(step, paint)),
    "",
  ]);
  const alone =
    untouched.length === 0 ? [] : ["Not ours, and left alone:", ...untouched.map((text) => `  ${text}`), ""];
  const lines = [heading, "", ...groups, ...alone, ...renderProblems(problems, colour)];
  return `${lines.join("\n").trimEnd()}\n`;
}

function renderStep(step: Step, paint: ReturnType<typeof pc.createColors>): string[] {
  const { sign, text } = describe(step);
  const painted = { "+": paint.green("+"), "-": paint.red("-"), "~": paint.yellow("~") }[sign];
  const warning = step.risk === "none" ? "" : paint.yellow(`  (${risks[step.risk]})`);
  if (!("drift" in step)) return [`  ${painted} ${text}${warning}`];
  const rows = step.drift.map(({ field, current, desired }) => {
    const name = words[field] ?? field;
    return `${name.padEnd(20)} ${paint.red(show(current))} -> ${paint.green(show(desired))}`;
  });
  return [...rows.map((row) => `  ${painted} ${row}`), ...(warning === "" ? [] : [`   ${warning}`])];
}

/** Steps by what they concern, in the order of the plan. */
function grouped(steps: readonly Step[]): ReadonlyMap<string, readonly Step[]> {
  const groups = new Map<string, Step[]>();
  for (const step of steps) {
    const object = objectOf(step);
    groups.set(object, [...(groups.get(object) ?? []), step]);
  }
  return groups;
}

function objectOf(step: Step): string {
  switch (step.kind) {
    case "create-bridge":
      return `bridge ${step.bridge.name}`;
    case "remove-bridge":
      return `bridge ${step.bridge}`;
    case "update-bridge":
      return `bridge ${step.name}`;
    case "create-port":
      return `port ${step.port.name}`;
    case "remove-port":
      return `port ${step.port}`;
    case "update-port":
      return `port ${step.name}`;
    case "add-interface":
    case "remove-interface":
      return `port ${step.port}`;
    case "update-interface":
      return `interface ${step.name}`;
    case "add-manager":
    case "remove-manager":
    case "set-external-id":
      return "Open vSwitch";
    default:
      return "device" in step ? `device ${step.device}` : "this host";
  }
}

const HASH = /^[0-9a-f]{64}$/;

function show(value: unknown): string {
  if (typeof value === "string" && HASH.test(value)) return value.slice(0, 12);
  if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) return "(none)";
  return Array.isArray(value) ? value.join(", ") : String(value);
}
