import pc from "picocolors";
import { printable } from "../config/printable.ts";
import type { NetworkSettings } from "../config/settings.ts";
import type { Problem } from "../core/errors.ts";
import { highestRisk } from "../core/step.ts";
import { describe } from "../network/describe.ts";
import type { Step } from "../network/steps.ts";
import type { AddressTarget } from "../network/target.ts";
import type { MemberStatus } from "../web/status.ts";

/** A message may quote what a tool said. */
const MOST = 2_000;

/** A plan as a person reads it. */
export function renderPlan(steps: readonly Step[], problems: readonly Problem[], colour: boolean): string {
  const paint = pc.createColors(colour);
  const signs = { "+": paint.green, "-": paint.red, "~": paint.yellow };
  const lines = steps.flatMap((step) => {
    const { sign, text, details } = describe(step);
    const risk = step.risk === "none" ? "" : `  [${step.risk}]`;
    return [`  ${signs[sign](sign)} ${text}${paint.dim(risk)}`, ...details.map((detail) => `      ${detail}`)];
  });
  const heading =
    steps.length === 0
      ? "Nothing to do: the network is as configured."
      : `${steps.length} ${steps.length === 1 ? "step" : "steps"}, risk: ${highestRisk(steps)}`;
  return `${[heading, ...lines, ...renderProblems(problems, colour)].join("\n")}\n`;
}

/** Problems, one a line, with what to do about them below. */
export function renderProblems(problems: readonly Problem[], colour: boolean): readonly string[] {
  const paint = pc.createColors(colour);
  return problems.flatMap(({ code, message, hint }) => [
    `${paint.red("!")} ${printable(message.trim().replaceAll(/\s*\n\s*/g, "; "), MOST)} ${paint.dim(`(${code})`)}`,
    ...(hint === undefined ? [] : [`    ${paint.dim(hint)}`]),
  ]);
}

/** The wiring, from the switch to the addresses. */
export function renderWiring(
  network: NetworkSettings,
  members: readonly MemberStatus[],
  addresses: readonly AddressTarget[],
  colour: boolean,
): string {
  const paint = pc.createColors(colour);
  const state = ({ link, active }: MemberStatus): string => {
    if (link !== "up") return paint.red(link);
    return active ? paint.green("up, active") : "up, standby";
  };
  const rows = [
    ...members.map(
      (member) => `  ${member.device} ${member.fabric === undefined ? "" : `to ${member.fabric} `}${state(member)}`,
    ),
    `${network.bond.name} on ${network.bridge}, trunk:`,
    ...Object.entries(network.vlans).map(([name, id]) => {
      const here = Object.entries(network.addresses)
        .filter(([, entry]) => entry.vlan === name)
        .flatMap(([device]) => [
          device,
          ...addresses.filter((entry) => entry.device === device).map(({ address }) => address),
        ]);
      const bridges = Object.entries(network.neutron?.bridges ?? {})
        .filter(([, bridge]) => bridge.vlans.includes(name))
        .map(([bridge]) => `${bridge} (Neutron)`);
      return `  ${String(id).padStart(4)} ${name.padEnd(12)} ${[...here, ...bridges].join(" ")}`.trimEnd();
    }),
  ];
  return `${["links:", ...rows].join("\n")}\n`;
}
