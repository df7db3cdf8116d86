import type { Problem } from "../../core/errors.ts";
import { adoptionOf } from "../../network/adopt.ts";
import { partPlan } from "../../network/bookkeeping.ts";
import { conflicts } from "../../network/conflicts.ts";
import { isCourtesy, observe } from "../../network/converge.ts";
import { targetOf } from "../../network/desired.ts";
import type { Observed } from "../../network/observed.ts";
import { plan } from "../../network/plan.ts";
import type { NetworkPorts } from "../../network/ports.ts";
import { lastGoodOf } from "../../network/state.ts";
import type { Step } from "../../network/steps.ts";
import type { Target } from "../../network/target.ts";
import type { Session } from "../session.ts";

export interface Planned {
  /** What changes the network. */
  readonly steps: readonly Step[];
  /** What only writes down what it is already. */
  readonly bookkeeping: readonly Step[];
  /** What stands against it, and what a person can do about that. */
  readonly taken: readonly Problem[];
}

/** The desired network against the host. The revision and the hash are bookkeeping, and no difference by themselves. */
export async function look({ host, desired, signal }: Session) {
  const observed = await observe(host.ports, signal);
  const lastGood = await lastGoodOf(host.ports.state);
  const next = (lastGood?.config.revision ?? 0) + 1;
  const revision = lastGood?.config.hash === desired.hash ? lastGood.config.revision : next;
  return { observed, target: targetOf({ ...desired, revision }, observed) };
}

/** Whether the network is as configured, but for what may be refused and the network works all the same. */
export async function isAsConfigured(session: Session): Promise<boolean> {
  const { observed, target } = await look(session);
  const { steps, taken } = await planned(target, observed, session.host.ports, session.signal);
  return taken.length === 0 && steps.every(isCourtesy);
}

/** The plan as a person should see it: with what an adoption would take over, and without what changes nothing. */
export async function planned(
  target: Target,
  observed: Observed,
  { kernel }: NetworkPorts,
  signal: AbortSignal,
): Promise<Planned> {
  const taken = conflicts(target, observed);
  const steps = plan(target, observed);
  if (taken.length === 0 && steps.length === 0) return { steps, bookkeeping: [], taken: [] };
  const whole = await kernel.whole(signal);
  const parted = partPlan(steps, observed, whole);
  if (taken.length === 0) return { steps: parted.changes, bookkeeping: parted.bookkeeping, taken: [] };
  const result = adoptionOf(target, observed, whole);
  const adopting = result.ok ? { ...target, taken: result.adoption.image } : target;
  const left = result.ok ? conflicts(adopting, observed) : result.why;
  if (left.length > 0) return { steps, bookkeeping: [], taken: [conflict([...new Set([...taken, ...left])])] };
  return {
    steps: plan(adopting, { ...observed, whole }),
    bookkeeping: [],
    taken: [{ ...conflict(taken), hint: "devcloud-agent network apply --adopt takes it over." }],
  };
}

function conflict(found: readonly string[]): Problem {
  return { code: "E_NETWORK_CONFLICT", message: found.join("; ") };
}
