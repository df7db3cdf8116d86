import type { Outcome } from "../core/capability.ts";
import { type Problem, problemOf } from "../core/errors.ts";
import { converge, observe } from "./converge.ts";
import { describe } from "./describe.ts";
import { type NetworkConfig, targetOf } from "./desired.ts";
import { rememberGood, renewRescue } from "./ending.ts";
import { remember } from "./history.ts";
import type { Hold } from "./hold.ts";
import { bare } from "./kernel.ts";
import { rememberOwn } from "./ledger.ts";
import type { Observed } from "./observed.ts";
import { plan } from "./plan.ts";
import type { NetworkPorts } from "./ports.ts";
import { describeProbe, probeTargets } from "./probes.ts";
import { refuseForeignControl } from "./refusals.ts";
import { hasCarrier } from "./standing.ts";
import { isOvsStep } from "./steps.ts";
import type { Wanted } from "./wanted.ts";

/** What the first passes of a process work with. */
export interface Booting {
  readonly ports: NetworkPorts;
  readonly hold: Hold;
  readonly wanted: () => Promise<Wanted>;
  /** The network stood in this boot already, before this process began. */
  readonly stood: boolean;
}

/** The last good network as it stands, and what could not be written while it was put back. */
export interface Proven {
  readonly observed: Observed;
  readonly unwritten: readonly Problem[];
}

/**
 * The first pass of a process on a host that has a last good network: it is put back, and vswitchd proves that it lives. Where it
 * stood in this boot already, what differs is `drift`, and left to whoever repairs that with care. Absent where it must not be
 * written because a second Open vSwitch runs.
 */
export async function putBack(
  booting: Booting,
  config: NetworkConfig,
  signal: AbortSignal,
): Promise<Proven | "drift" | undefined> {
  try {
    return await putBackNow(booting, config, signal);
  } catch (error) {
    if (problemOf(error).code === "E_OVS_SECOND") return undefined;
    throw error;
  }
}

async function putBackNow(
  { ports, hold, stood }: Booting,
  config: NetworkConfig,
  signal: AbortSignal,
): Promise<Proven | "drift"> {
  const observed = await observe(ports, signal);
  const steps = plan(targetOf(config, observed), observed);
  if (steps.length === 0) {
    const proven = await prove(ports, observed, signal, hold, config);
    return { observed: proven, unwritten: await renewRescue(ports, config, proven) };
  }
  // What stood on a stand-in of the kernel's is not this network.
  if (stood && !steps.some(({ kind }) => kind === "remove-vlan")) {
    hold.stood(config);
    return "drift";
  }
  const own = await rememberOwn(ports, observed, targetOf(config, observed).addresses);
  const done = await converge(ports, (now) => targetOf(config, now), signal, { regardless: true });
  // What the rescue put on a NIC answers with another MAC address from now on.
  for (const step of done.applied) if (step.kind === "add-address") ports.announce(step.device, bare(step.address));
  // Addresses alone are put on a port without Open vSwitch's help, and prove nothing.
  const proven = done.applied.some(isOvsStep)
    ? hold.stands(config, done.observed)
    : await prove(ports, done.observed, signal, hold, config);
  return { observed: proven, unwritten: [...own, ...done.unwritten, ...(await renewRescue(ports, config, proven))] };
}

/** The columns that tell whether interfaces work survive a reboot; they mean something only after vswitchd has answered. */
async function prove(
  ports: NetworkPorts,
  observed: Observed,
  signal: AbortSignal,
  hold: Hold,
  config: NetworkConfig,
): Promise<Observed> {
  await ports.ovs.commit([], observed.ovs, signal);
  return hold.stands(config, { ...observed, ovs: await ports.ovs.observe(signal) });
}

/** Nothing to go back to: the desired network is applied, and kept once the probes answer. */
export async function applyFirst(
  { ports, hold, wanted }: Booting,
  signal: AbortSignal,
  progress: () => void,
): Promise<Outcome> {
  const { desired, problems, timing } = await wanted();
  if (desired === undefined) {
    if (problems.length > 0) return { state: "degraded", problems };
    ports.report({ event: "stands", problems: [] });
    return { state: "converged", problems: [] };
  }
  if (desired.network.mode === "observe") return hold.observing(desired, problems, signal);
  const config: NetworkConfig = { ...desired, revision: 1 };
  const startedAt = new Date(ports.clock.now()).toISOString();
  refuseForeignControl(config, await ports.ovs.observe(signal));
  const { observed, target, applied } = await converge(ports, (now) => targetOf(config, now), signal, {
    onStep: (step) => {
      progress();
      ports.report({ event: "change", step, hash: config.hash });
    },
  });
  if (!hasCarrier(config, observed)) return hold.report(config, observed, problems);
  const results = await Promise.all(
    probeTargets(config.network).map((probe) => ports.prober.probe(probe, timing.probeTimeoutMs, signal)),
  );
  const silent = results.filter(({ ok }) => !ok);
  if (silent.length > 0) {
    const message = `the network is configured, but ${silent.map(describeProbe).join("; ")}`;
    const hint = "Check the VLANs on the switch ports and the gateway. It stays as configured, and is probed again.";
    const unconfirmed = { code: "E_NETWORK_UNCONFIRMED", message, hint };
    const outcome = hold.report(config, observed, [unconfirmed, ...problems], false);
    return { ...outcome, againMs: timing.probeIntervalMs };
  }
  try {
    await rememberGood(ports, config, target);
  } catch (error) {
    // It stands, and is remembered as soon as that can be done.
    return hold.report(config, observed, [problemOf(error), ...problems]);
  }
  const changes = applied.map(describe).map(({ sign, text }) => `${sign} ${text}`);
  await remember(ports, { config, startedAt, changes }, "confirmed");
  ports.report({ event: "change", step: "confirmed", hash: config.hash });
  return hold.report(config, observed, problems);
}
