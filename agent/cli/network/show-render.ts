import { printable } from "../../config/printable.ts";
import type { Legs } from "../../network/legs/legs.ts";
import { describeMaintenance } from "../../web/maintenance.ts";
import { describeOther } from "../../web/others.ts";
import type { Tone } from "../../web/page/tone.ts";
import { type Notice, type Wiring, wiringOf } from "../../web/page/wiring.ts";
import type { MaintenanceStatus, MemberStatus, NetworkStatus, UplinksStatus } from "../../web/status.ts";
import type { Io } from "../io.ts";
import { painter } from "./canvas.ts";
import { endOfCable, legsRemark } from "./legs-render.ts";
import { broken, drawWiring } from "./picture.ts";

/** All that `network show` tells, as `--json` prints it. */
export interface Shown extends Pick<NetworkStatus, "wiring" | "rung" | "others" | "addresses" | "change"> {
  readonly bridge: string;
  readonly bond: string;
  readonly members: readonly MemberStatus[];
  readonly legs: Legs;
  /** Ids by name. */
  readonly vlans: Readonly<Record<string, number>>;
  /** The names of the VLANs that our devices are to be on, by device. */
  readonly devices: Readonly<Record<string, string>>;
  readonly uplinks: UplinksStatus;
  /** Without the agent nobody knows the rung, the maintenance, and how the network behind the bond is. */
  readonly agent: "answers" | "silent";
  readonly maintenance?: MaintenanceStatus;
}

/** Pure: a picture where the terminal can show one, else a list. */
export function renderShown(shown: Shown, { canvas, isTty }: Pick<Io, "canvas" | "isTty">): string {
  const { bond: name, members, ...rest } = shown;
  const wiring = wiringOf({ ...rest, bond: { name, members } });
  const lines =
    canvas === undefined || wiring === undefined
      ? plain(shown, wiring, isTty)
      : drawn(shown, wiring, canvas.columns, isTty);
  return `${lines.join("\n")}\n`;
}

function drawn(shown: Shown, wiring: Wiring, columns: number, colour: boolean): readonly string[] {
  const paint = painter(colour);
  const text = (what: string, tone?: Tone): readonly string[] =>
    broken(printable(what, 2_000), columns).map((line) => paint(line, tone));
  const above = noticesOf(shown, wiring).flatMap((notice) => text(notice.text, notice.tone));
  return [
    ...above,
    ...(above.length > 0 ? [""] : []),
    ...drawWiring(wiring, columns, colour),
    "",
    ...remarksOf(shown, wiring).flatMap((remark) => text(remark)),
  ];
}

/** What has to be known first, the worst first. */
function noticesOf({ maintenance, change }: Shown, { notices }: Wiring): readonly Notice[] {
  const all: readonly Notice[] = [
    ...notices,
    ...(change === undefined
      ? []
      : [{ text: `Change ${change.id} waits to be confirmed, or undoes itself`, tone: "warn" as const }]),
    ...(maintenance === undefined ? [] : [{ text: capital(describeMaintenance(maintenance)), tone: "warn" as const }]),
  ];
  return [...all.filter(({ tone }) => tone === "bad"), ...all.filter(({ tone }) => tone !== "bad")];
}

/** What the picture has no place for. */
function remarksOf({ vlans, uplinks, legs, agent }: Shown, { quiet }: Wiring): readonly string[] {
  const ids = Object.entries(vlans).map(([name, id]) => `${id} ${name}`);
  const remark = legsRemark(legs);
  return [
    ...(ids.length === 0 ? [] : [`VLANs on the trunk: ${ids.join(", ")}`]),
    ...uplinks.avoided.flatMap(({ nic, why, until }) =>
      until === undefined ? [] : [`${nic}: ${why} until ${minute(until)}`],
    ),
    ...(remark === undefined ? [] : [capital(remark)]),
    ...(quiet.length === 0 ? [] : [`Not ours, and left alone: ${quiet.join("; ")}`]),
    ...(agent === "answers"
      ? []
      : ["The agent does not answer: whether the network behind the bond works is not known"]),
  ];
}

/** The wiring as a list, from the switch to the addresses. */
function plain(shown: Shown, wiring: Wiring | undefined, colour: boolean): readonly string[] {
  const { bridge, bond, members, legs, vlans, addresses, others = [] } = shown;
  const paint = painter(colour);
  const marks = new Map(wiring?.legs.map(({ nic }) => [nic.name, nic.mark]));
  const remark = legsRemark(legs);
  const stateOf = ({ link, active }: MemberStatus): string => {
    if (link !== "up") return paint(link, "bad");
    return active ? paint("up, active", "good") : "up, standby";
  };
  return [
    ...(wiring === undefined ? [] : noticesOf(shown, wiring)).map(({ text, tone }) => paint(text, tone)),
    "links:",
    ...members.map((member) => {
      const state = [stateOf(member), marks.get(member.nic)].filter(Boolean).join(", ");
      const words = [member.device, member.fabric && `to ${member.fabric}`, endOfCable(legs, member.nic), state];
      return `  ${words.filter(Boolean).join(" ")}`;
    }),
    ...(remark === undefined ? [] : [`  ${paint(remark, undefined)}`]),
    `${bond} on ${bridge}, trunk:`,
    ...Object.entries(vlans).map(([name, id]) => {
      const here = devicesOn(name, id, shown);
      const patched = (shown.wiring?.patches ?? []).filter((patch) => patch.vlans.includes(name));
      const bridges = patched.map((patch) => `${patch.bridge} (Neutron)`);
      return `  ${String(id).padStart(4)} ${name.padEnd(12)} ${[...here, ...bridges].join(" ")}`.trimEnd();
    }),
    ...addresses
      .filter(({ device, vlan }) => vlan === null && shown.devices[device] === undefined)
      .map(({ device, address }) => `  without a VLAN: ${device} ${address}`),
    ...others.map((other) => `not ours: ${printable(describeOther(other))}`),
  ];
}

/** Those that are to be on a VLAN, and those that really are, each with its addresses. */
function devicesOn(name: string, id: number, { devices, addresses }: Shown): readonly string[] {
  const wanted = Object.keys(devices).filter((device) => devices[device] === name);
  const found = addresses.filter(({ device, vlan }) => vlan === id && devices[device] === undefined);
  return [...new Set([...wanted, ...found.map(({ device }) => device)])].flatMap((device) => [
    device,
    ...addresses.filter((entry) => entry.device === device).map(({ address }) => address),
  ]);
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `2026-01-31 12:00 UTC` */
function minute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
