import type { Problem } from "../core/errors.ts";
import type { DnsObserved, HostObserved } from "./observed.ts";
import type { FileStep } from "./steps.ts";
import type { DnsTarget, Target } from "./target.ts";

const HEADER =
  "# The name servers are host.dns in the configuration of devcloud-agent; the other lines stay as they are.";

/** What has to be written so that names are asked where `target` says. Pure. Somebody else's resolv.conf is left alone. */
export function planDns(target: DnsTarget | undefined, observed: DnsObserved | undefined): FileStep[] {
  if (target === undefined || observed === undefined || observed.way === "foreign") return [];
  const why = "differs";
  if (observed.way === "resolved") {
    const { device, servers } = target;
    // What other links of resolved's name is not ours to take away.
    if (device === undefined || servers.every((server) => observed.servers.includes(server))) return [];
    return [{ kind: "set-dns", device, servers, drift: driftOf(observed.servers, servers), why, risk: "none" }];
  }
  const current = serversIn(observed.text);
  const text = target.text === undefined ? textFor(target.servers, observed.text) : target.text;
  const done = target.text === undefined ? sameOrder(current, target.servers) : text === observed.text;
  if (done) return [];
  return [{ kind: "write-resolv-conf", text, drift: driftOf(current, serversIn(text)), why, risk: "none" }];
}

/** How it is now, to come back to. */
export function dnsSnapshot(observed: DnsObserved | undefined, change: DnsTarget | undefined): DnsTarget | undefined {
  if (observed === undefined || change === undefined || observed.way === "foreign") return undefined;
  const device = change.device === undefined ? {} : { device: change.device };
  if (observed.way === "resolved") return { servers: observed.servers, ...device };
  return { servers: serversIn(observed.text), text: observed.text, ...device };
}

/** What a person has to know of names; it holds nobody back. */
export function dnsProblems({ dns: target }: Target, { dns: observed }: HostObserved): readonly Problem[] {
  if (target === undefined || observed === undefined) return [];
  const path = "host.dns";
  if (observed.way === "foreign") {
    return [
      {
        code: "E_DNS_FOREIGN",
        message: `/etc/resolv.conf is a link to ${observed.to}, which is somebody else's: the name servers are not set`,
        path,
        hint: "Make it a file, or a link to systemd-resolved's; or leave host.dns empty.",
      },
    ];
  }
  if (planDns(target, observed).length === 0) return [];
  const message = `the name servers of this host are not ${target.servers.join(", ")}`;
  return [
    { code: "E_DNS_SERVERS", message, path, hint: "Can /etc/resolv.conf be written? The log says what went wrong." },
  ];
}

/** The addresses on its `nameserver` lines (resolv.conf(5)), in order. */
export function serversIn(text: string | null): readonly string[] {
  return (text ?? "").split("\n").flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}

function textFor(servers: readonly string[], current: string | null): string {
  const others = (current ?? "").split("\n").filter((line) => line !== HEADER && !/^\s*nameserver\b/.test(line));
  const kept = others.join("\n").trim();
  return `${HEADER}\n${kept === "" ? "" : `${kept}\n`}${servers.map((server) => `nameserver ${server}\n`).join("")}`;
}

function driftOf(current: readonly string[], desired: readonly string[]) {
  return [{ object: "host", field: "name servers", current, desired, owner: "ours" } as const];
}

function sameOrder(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((server, index) => server === b[index]);
}
