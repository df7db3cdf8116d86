import { createClient } from "node-ovsdb";
import type { Timing } from "./config/settings.ts";
import { type Problem, problemOf } from "./core/errors.ts";
import { Ovs, refused } from "./network/ovs.ts";
import type { NetworkEvent, NetworkPorts } from "./network/ports.ts";
import { holdingUnwritten } from "./network/uplinks/unwritten.ts";
import { openAnnouncing } from "./system/announce.ts";
import { systemClock } from "./system/clock.ts";
import { writeConsole } from "./system/console.ts";
import { openDeadMan } from "./system/dead-man.ts";
import { openDns } from "./system/dns.ts";
import { readFileBounded, writeFileAtomic } from "./system/files.ts";
import { Ip } from "./system/ip.ts";
import { neighbourhood } from "./system/neighbourhood.ts";
import { OvsDaemons } from "./system/ovs-daemons.ts";
import { type Places, placesUnder } from "./system/places.ts";
import { prober } from "./system/prober.ts";
import { openStateStore } from "./system/state-store.ts";
import { writeSysctl } from "./system/sysctl.ts";
import { openSystemIdFile } from "./system/system-id.ts";

/** This host, opened: what both the daemon and the network commands work on. */
export interface Host {
  readonly places: Places;
  readonly ovs: Ovs;
  readonly ports: NetworkPorts;
  /** Begins what the first look needs, beside what its caller does before it. Why it failed is told to whoever looks. */
  open(): void;
  /** The configuration was read: its durations hold for the connection to Open vSwitch from now on. */
  retime(timing: Timing): void;
  close(): void;
}

export interface HostOptions {
  readonly root: string;
  /** The path of this program, for the process that rolls a change back. */
  readonly program: string;
  readonly timing: Pick<Timing, "ovsdbTimeoutMs" | "applyTimeoutMs" | "backoffMinMs" | "backoffMaxMs">;
  /** Take the right to write away from whoever has it: for rollbacks. */
  readonly steal?: boolean;
  /** Whatever is found damaged stays where it is. */
  readonly looksOnly?: boolean;
  readonly report: (event: NetworkEvent) => void;
  readonly onProblem: (problem: Problem) => void;
}

/** Builds the objects; nothing is connected or touched yet. */
export async function openHost(options: HostOptions): Promise<Host> {
  const { root, program, timing, report, onProblem } = options;
  const places = placesUnder(root);
  const client = createClient({
    address: { path: places.ovsdb },
    ...durationsOf(timing),
    onError: (error) => onProblem(problemOf(refused(error))),
  });
  const daemons = new OvsDaemons(places.ovsdb);
  const ovs = new Ovs(client, {
    socket: places.ovsdb,
    applyTimeoutMs: () => timing.applyTimeoutMs,
    openTimeoutMs: () => 2 * timing.ovsdbTimeoutMs,
    steal: options.steal ?? false,
    second: (thorough) => daemons.second(thorough),
  });
  const kernel = new Ip();
  const bootId = new TextDecoder().decode(await readFileBounded(places.bootId, 128)).trim();
  const ports: NetworkPorts = {
    clock: systemClock,
    bootId,
    ovs,
    kernel,
    state: holdingUnwritten(
      openStateStore(places.networkState, { onUnreadable: onProblem, keepAside: options.looksOnly !== true }),
    ),
    prober,
    neighbourhood,
    ...openAnnouncing(places.ipv6),
    deadMan: openDeadMan(root, program),
    systemId: openSystemIdFile(places.systemId),
    dns: openDns(places),
    console: (text) => writeConsole(places.console, text),
    setIpv6: (device, { setting, value }) => writeSysctl(`${places.ipv6}/${device}/${setting}`, value),
    writeRescue: async (script) => {
      const there = await readFileBounded(places.rescue, 2 * script.length).catch(() => undefined);
      if (there === undefined || !Buffer.from(script).equals(there))
        await writeFileAtomic(places.rescue, script, 0o700);
    },
    ledgerPath: places.ledger,
    report,
  };
  const open = (): void => {
    ovs.open();
    kernel.open();
  };
  const close = (): void => {
    ovs.close();
    kernel.close();
  };
  return { places, ovs, ports, open, retime: (now) => client.reconfigure(durationsOf(now)), close };
}

function durationsOf({ ovsdbTimeoutMs, backoffMinMs: minMs, backoffMaxMs: maxMs }: HostOptions["timing"]) {
  return { requestTimeoutMs: ovsdbTimeoutMs, inactivityMs: ovsdbTimeoutMs, reconnect: { minMs, maxMs } };
}
