import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import { conflicts } from "./conflicts.ts";
import { faults } from "./faults.ts";
import { ipBatch } from "./ip-batch.ts";
import { remember } from "./ledger.ts";
import type { HostObserved, Observed } from "./observed.ts";
import { plan } from "./plan.ts";
import type { ChangeStep, NetworkPorts } from "./ports.ts";
import { type FileStep, isFileStep, isIpStep, isOvsStep, type Step } from "./steps.ts";
import type { Target } from "./target.ts";
import { holding } from "./uplinks/avoid.ts";

/** Enough for what one pass uncovers (the kernel drops routes with their address); more means that somebody works against us. */
const MAX_PASSES = 5;

export interface Converged {
  readonly observed: Observed;
  readonly target: Target;
  /** What was done, over all passes. */
  readonly applied: readonly Step[];
  /** What no step can mend, e.g. a missing NIC. */
  readonly faults: readonly Problem[];
  /** What could not be written down, and held nobody back. It is tried again with the next look. */
  readonly unwritten: readonly Problem[];
}

/** Observes the whole host. */
export async function observe(ports: NetworkPorts, signal: AbortSignal): Promise<Observed> {
  const [ovs, host, avoided] = await Promise.all([
    ports.ovs.observe(signal),
    observeHost(ports, signal),
    ports.state.read("avoid"),
  ]);
  return { ...host, ovs, avoid: holding(avoided?.nics ?? [], ports.clock.now(), ports.bootId) };
}

/** The part of it that can be seen without Open vSwitch. */
export async function observeHost(ports: NetworkPorts, signal: AbortSignal): Promise<HostObserved> {
  const [kernel, ledger, systemIdFile, dns] = await Promise.all([
    ports.kernel.observe(signal),
    ports.state.read("ledger"),
    ports.systemId.read(),
    ports.dns.observe(),
  ]);
  return { kernel, ledger: ledger?.addresses ?? [], dns, ...(systemIdFile === undefined ? {} : { systemIdFile }) };
}

/** Looks at more of the host, where a target is about more of it. */
export async function lookFor(
  { taken, given }: Target,
  observed: Observed,
  { kernel }: NetworkPorts,
  signal: AbortSignal,
): Promise<Observed> {
  return taken === undefined && given === undefined ? observed : { ...observed, whole: await kernel.whole(signal) };
}

export interface ConvergeOptions {
  readonly onStep?: (step: ChangeStep) => void;
  /** Take back what was ours before, even if somebody else uses it by now: for rollbacks. */
  readonly insist?: boolean;
  /** Reachable first: a disk that cannot be written is told, and keeps no address off. For what was good before. */
  readonly regardless?: boolean;
  /** Of the steps that would be done, those that may be: the rest stays as it is. */
  readonly admit?: (steps: readonly Step[]) => readonly Step[];
  /** Steps were done. */
  readonly onApplied?: (steps: readonly Step[]) => void;
}

/**
 * Plans and applies until the plan is empty and ovs-vswitchd has caught up. Throws E_NETWORK_CONFLICT before anything is touched,
 * E_NETWORK_NOT_CONVERGING when the plan does not become empty, and what the ports throw.
 */
export async function converge(
  ports: NetworkPorts,
  targetFor: (observed: Observed) => Target,
  signal: AbortSignal,
  options: ConvergeOptions = {},
): Promise<Converged> {
  const { onStep = () => undefined, insist = false, regardless = false, admit = (all) => all, onApplied } = options;
  const canWait = (step: Step): boolean => isCourtesy(step) || (regardless && isFileStep(step));
  const applied: Step[] = [];
  const unwritten = new Map<string, Problem>();
  let complaints: readonly string[] = [];
  let steps: readonly Step[] = [];
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const looked = await observe(ports, signal);
    const target = targetFor(looked);
    const observed = await lookFor(target, looked, ports, signal);
    if (!insist) refuseConflicts(target, observed);
    steps = admit(plan(target, observed));
    if (steps.length === 0 || (pass > 0 && steps.every(canWait))) {
      if (behind(observed)) await ports.ovs.commit([], observed.ovs, signal);
      if (applied.length > 0) onStep("verified");
      return { observed, target, applied, faults: faults(target, observed), unwritten: [...unwritten.values()] };
    }
    const onUnwritten = regardless ? (problem: Problem) => unwritten.set(problem.message, problem) : undefined;
    const done = await applyOnce(ports, steps, target, observed, signal, { onStep, onUnwritten }).catch(lostRace);
    if (done === undefined) continue;
    complaints = done;
    applied.push(...steps);
    onApplied?.(steps);
  }
  throw new AgentError({
    code: "E_NETWORK_NOT_CONVERGING",
    message: `after ${MAX_PASSES} passes there is still something to do: ${steps.map(({ kind }) => kind).join(", ")}`,
    hint: complaints.length > 0 ? `ip says: ${complaints.join("; ")}` : "Does something else configure this network?",
  });
}

/** Somebody else, such as Neutron, wrote between our look and our transaction: nothing was done, and the next pass plans anew. */
function lostRace(error: unknown): undefined {
  if (problemOf(error).code !== "E_OVSDB_CHANGED") throw error;
}

/**
 * The database is ahead of ovs-vswitchd: whoever wrote it may have died before it was applied, or it hangs. A transaction
 * without steps waits until it has caught up.
 */
function behind({ ovs }: Observed): boolean {
  return ovs.root.cur_cfg < ovs.root.next_cfg;
}

async function applyOnce(
  ports: NetworkPorts,
  steps: readonly Step[],
  target: Target,
  observed: Observed,
  signal: AbortSignal,
  { onStep, onUnwritten }: { readonly onStep: (step: ChangeStep) => void; readonly onUnwritten: OnUnwritten },
): Promise<readonly string[]> {
  await remember(ports, observed, target.addresses).catch((error: unknown) => {
    // Whoever goes on regardless tells it by the next look at the ledger.
    if (onUnwritten === undefined) throw error;
  });
  const ovsSteps = steps.filter(isOvsStep);
  if (ovsSteps.length > 0 || behind(observed)) {
    onStep("transaction");
    await ports.ovs.commit(ovsSteps, observed.ovs, signal, () => {
      onStep("committed");
      if (steps.some(isIpStep)) ports.kernel.prepare();
    });
    onStep("applied");
  }
  const complaints = await applyHost(ports, steps, signal, onUnwritten);
  if (steps.some(isIpStep)) onStep("addressed");
  return complaints;
}

/** Who is told of what could not be written; absent: it is thrown. */
type OnUnwritten = ((problem: Problem) => void) | undefined;

/** Applies what is not Open vSwitch's. Returns what was complained of. */
export async function applyHost(
  ports: NetworkPorts,
  steps: readonly Step[],
  signal: AbortSignal,
  onUnwritten?: OnUnwritten,
): Promise<readonly string[]> {
  const complaints: string[] = [];
  const write = async (files: readonly FileStep[]): Promise<void> => {
    for (const step of files) {
      await writeFile(ports, step).catch((error: unknown) => {
        if (isCourtesy(step)) complaints.push(problemOf(error).message);
        else if (onUnwritten === undefined) throw error;
        else onUnwritten(problemOf(error));
      });
    }
  };
  const files = steps.filter(isFileStep);
  // How a device speaks IPv6 is settled before it is up; no file on a disk comes before the host's addresses.
  await write(files.filter(({ kind }) => kind === "set-ipv6"));
  const lines = ipBatch(steps.filter(isIpStep));
  if (lines.length > 0) complaints.push(...(await ports.kernel.batch(lines, signal)));
  await write(files.filter(({ kind }) => kind !== "set-ipv6"));
  return complaints;
}

/** Wanted, but no reason to hold a host back: it may be refused, and the network works all the same. */
export function isCourtesy({ kind }: Step): boolean {
  return kind === "set-ipv6" || kind === "write-resolv-conf" || kind === "set-dns";
}

async function writeFile(ports: NetworkPorts, step: FileStep): Promise<void> {
  switch (step.kind) {
    case "set-ipv6":
      return ports.setIpv6(step.device, step);
    case "write-system-id":
      return ports.systemId.write(step.value);
    case "write-resolv-conf":
    case "set-dns":
      return ports.dns.write(step);
  }
}

/** Throws E_NETWORK_CONFLICT. */
export function refuseConflicts(target: Target, observed: Observed): void {
  const found = conflicts(target, observed);
  if (found.length === 0) return;
  throw new AgentError({
    code: "E_NETWORK_CONFLICT",
    message: `this network would take something that is in use: ${found.join("; ")}`,
    expected: "NICs and ports that nothing else uses",
    hint: "Free them first, or take over what is on them: devcloud-agent network apply --adopt. Nothing was changed.",
  });
}
