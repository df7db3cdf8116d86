import { Command, InvalidArgumentError } from "commander";
import pc from "picocolors";
import type { NetworkSettings } from "../../config/settings.ts";
import { AgentError } from "../../core/errors.ts";
import { observe } from "../../network/converge.ts";
import { linkOf } from "../../network/desired.ts";
import { type Arrival, type Arrivals, judgeArrivals, type LegsVerdict } from "../../network/legs/arrivals.ts";
import type { SnifferPort, Tag } from "../../network/legs/ports.ts";
import type { Observed } from "../../network/observed.ts";
import { activeMember } from "../../network/uplinks/failover.ts";
import { sniffer } from "../../system/sniffer.ts";
import type { Io } from "../io.ts";
import { renderProblems } from "../network-render.ts";
import { openSession, type Session, type SessionOptions } from "../session.ts";

const DEFAULT_SECONDS = 20;
const ASK_EVERY_MS = 1_000;

interface Flags {
  readonly seconds: number;
  readonly json: boolean;
}

/** `network check-legs`: whether the VLANs of the configuration arrive on every member of the bond, on the standby too. */
export function checkLegsCommand(io: Io, options: () => SessionOptions, done: (code: number) => void): Command {
  return new Command("check-legs")
    .description("listen on every NIC of the bond: do the VLANs arrive on the standby too?")
    .option("--seconds <n>", "how long to listen, 2 to 3600", seconds, DEFAULT_SECONDS)
    .option("--json", "print one JSON document", false)
    .addHelpText("after", HELP)
    .action(async (flags: Flags) => done(await checkLegs(flags, io, options())));
}

async function checkLegs({ seconds: listened, json }: Flags, io: Io, options: SessionOptions): Promise<number> {
  await using session = await openSession({ ...options, looksOnly: true });
  const { network } = session.desired;
  const observed = await observe(session.host.ports, session.signal);
  const members = membersOf(network, observed);
  if (!members.some(({ active }) => active)) {
    throw new AgentError({
      code: "E_LEGS_NO_ACTIVE",
      message: `no member of ${network.bond.name} carries the traffic, and there is nothing to compare with`,
      hint: "devcloud-agent status",
    });
  }
  if (io.isTty) io.stderr(`Listening on ${members.map(({ device }) => device).join(", ")} for ${listened} s\n`);
  const verdict = judgeArrivals(network.vlans, await listen(members, listened, session));
  if (json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-check-legs/v1", listened, ...verdict })}\n`);
  else io.stdout(renderLegs(verdict, members, io.isTty));
  return verdict.problems.length === 0 ? 0 : 1;
}

interface Member {
  readonly nic: string;
  readonly device: string;
  readonly active: boolean;
  readonly carrier: boolean;
}

function membersOf(network: NetworkSettings, { ovs, kernel }: Observed): readonly Member[] {
  const active = activeMember(ovs, network.bond.name);
  return network.bond.members.map((nic) => {
    const link = linkOf(nic, network, kernel.links);
    const device = link?.name ?? nic;
    return { nic, device, active: device === active, carrier: link?.carrier ?? false };
  });
}

/** Listens on all members with carrier at once, and has the gateways asked meanwhile. */
async function listen(members: readonly Member[], listened: number, session: Session): Promise<Arrivals> {
  const over = new AbortController();
  const signal = AbortSignal.any([session.signal, over.signal]);
  const answered = new Set<number>();
  const heard = members.map((member) => ({ ...member, frames: new Map<Tag, number>() }));
  const alive = heard.filter(({ carrier }) => carrier);
  const listening = alive.map(({ device, frames }) => begin(sniffer, device, frames, signal));
  const ended = Promise.all(listening.map(({ done }) => done));
  try {
    await Promise.race([Promise.all(listening.map(({ begun }) => begun)), ended]);
    const asked = ask(session, answered, signal);
    await Promise.race([session.host.ports.clock.sleep(listened * 1000, session.signal), ended]);
    over.abort();
    await asked;
  } finally {
    over.abort();
    await Promise.allSettled([ended]);
  }
  await ended;
  return { listened, members: heard, answered };
}

function begin(port: SnifferPort, device: string, frames: Map<Tag, number>, signal: AbortSignal) {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const done = port.listen(device, resolve, (tag) => frames.set(tag, (frames.get(tag) ?? 0) + 1), signal);
  return { begun, done };
}

/**
 * A question to everybody who a gateway is leaves over the active member and comes back on the others, if they carry the VLAN. The answer
 * proves the active one. It is what every host asks now and then, and harmless. VLANs without an address of this host stay unasked.
 */
async function ask({ host, desired: { network } }: Session, answered: Set<number>, signal: AbortSignal): Promise<void> {
  const { clock, prober, greet } = host.ports;
  const addresses = Object.entries(network.addresses);
  while (!signal.aborted) {
    for (const [device, { vlan, gateway, ipv4, ipv6 }] of addresses) {
      const id = network.vlans[vlan];
      if (gateway === undefined || id === undefined) for (const entry of [...ipv4, ...ipv6]) greet(device, bare(entry));
      else if (await answers(gateway, device)) answered.add(id);
    }
    await clock.sleep(ASK_EVERY_MS, signal).catch(() => undefined);
  }
  async function answers(address: string, device: string): Promise<boolean> {
    const target = { kind: "gateway" as const, device, address };
    return prober.probe(target, ASK_EVERY_MS, signal).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}

function bare(cidr: string): string {
  return cidr.replace(/\/.*$/, "");
}

/** A row a VLAN, a column a member. */
function renderLegs(verdict: LegsVerdict, members: readonly Member[], colour: boolean): string {
  const paint = pc.createColors(colour);
  const words: { readonly [A in Arrival]: string } = {
    yes: paint.green("arrives"),
    no: paint.red("missing"),
    quiet: paint.dim("quiet"),
    dead: paint.red("no link"),
  };
  const plain: { readonly [A in Arrival]: number } = { yes: 7, no: 7, quiet: 5, dead: 7 };
  const heads = members.map(({ nic, active }) => `${nic}, ${active ? "active" : "standby"}`);
  const width = Math.max(4, ...verdict.vlans.map(({ name }) => name.length));
  const row = (id: string, name: string, cells: readonly string[]): string =>
    `${id.padStart(4)}  ${name.padEnd(width)}  ${cells.join("  ")}`.trimEnd();
  const cell = (arrival: Arrival, at: number): string =>
    `${words[arrival]}${" ".repeat(Math.max(0, (heads[at]?.length ?? 0) - plain[arrival]))}`;
  const quiet = verdict.vlans.filter(({ arrives }) => Object.values(arrives).every((arrival) => arrival === "quiet"));
  const untagged = Object.entries(verdict.untagged).filter(([, count]) => count > 0);
  return `${[
    row("VLAN", "name", heads),
    ...verdict.vlans.map(({ name, vlan, arrives }) =>
      row(
        String(vlan),
        name,
        members.map(({ nic }, at) => cell(arrives[nic] ?? "quiet", at)),
      ),
    ),
    ...(quiet.length === 0
      ? []
      : [
          `quiet: nobody spoke to everybody on ${quiet.map(({ vlan }) => vlan).join(", ")}; listen longer (--seconds), nothing is known of them`,
        ]),
    ...(verdict.others.length === 0
      ? []
      : [`also arriving, and not in the configuration: ${verdict.others.join(", ")}`]),
    ...(untagged.length === 0
      ? []
      : [`without a tag: ${untagged.map(([nic, count]) => `${count} on ${nic}`).join(", ")}`]),
    ...renderProblems(verdict.problems, colour),
  ].join("\n")}\n`;
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 2 && value <= 3600) return value;
  throw new InvalidArgumentError("expected whole seconds from 2 to 3600.");
}

const HELP = `
Needs tcpdump. Touches nothing; the gateways of this host's own addresses are asked by ARP meanwhile.
Exit code: 0 sound, 1 something is missing. A VLAN on which nobody spoke is not known, and said so.

Examples:
  devcloud-agent network check-legs
  devcloud-agent network check-legs --seconds 120 --json | jq .problems
`;
