import type { Outcome } from "../../core/capability.ts";
import { type Problem, problemOf } from "../../core/errors.ts";
import type { NetworkConfig } from "../desired.ts";
import type { NetworkPorts } from "../ports.ts";
import { lastGoodOf } from "../state.ts";
import type { Wanted } from "../wanted.ts";
import { type Cause, causeOf } from "./attempts.ts";
import type { Ladder } from "./ladder.ts";
import { describeRung, type Rung } from "./rung.ts";

/**
 * What becomes of a pass that failed: Open vSwitch is given half of the boot's budget, then the host helps itself with what
 * there is, so that it has an address before READY is said without one.
 */
export class Fallback {
  readonly #ports: NetworkPorts;
  readonly #wanted: () => Promise<Wanted>;
  #ladder: Ladder | undefined;
  /** When a pass went well last, or the process began, in monotonic milliseconds. */
  #soundAt: number;
  /** When it went well first, in milliseconds since the epoch. */
  #standsSince: number | undefined;

  constructor(ports: NetworkPorts, wanted: () => Promise<Wanted>) {
    this.#ports = ports;
    this.#wanted = wanted;
    this.#soundAt = ports.clock.monotonic();
  }

  /** Where the host stands; absent before it stood. */
  get rung(): Rung | undefined {
    const { rung } = this.#ladder ?? {};
    if (rung !== undefined || this.#standsSince === undefined) return rung;
    return { rung: 0, name: "last-good", since: this.#standsSince };
  }

  /** The host stands on something that Open vSwitch has no part in. */
  get withoutOvs(): boolean {
    return (this.#ladder?.rung?.rung ?? 0) >= 2;
  }

  /** Before a pass: what carries the host is let go only for an Open vSwitch that has proven to work. */
  async letGo(signal: AbortSignal): Promise<void> {
    if (!this.withoutOvs) return;
    const { ovs } = this.#ports;
    await ovs.commit([], await ovs.observe(signal), signal);
  }

  /** After a pass that went well. A host without a configuration that it could use gets a way in all the same. */
  async sound(outcome: Outcome, current: NetworkConfig | undefined, signal: AbortSignal): Promise<Outcome> {
    if (current !== undefined && outcome.state !== "observing") {
      const { clock } = this.#ports;
      this.#soundAt = clock.monotonic();
      this.#standsSince ??= clock.now();
      await this.#ladder?.top(current);
      return outcome;
    }
    const [problem] = outcome.problems;
    if (outcome.state !== "degraded" || problem === undefined) return outcome;
    const { desired, timing } = await this.#wanted();
    if (desired !== undefined) return outcome;
    const ladder = await this.#open();
    const rung = await ladder.descend({ cause: "no-configuration", problem, proven: false, due: true, timing }, signal);
    return rung === undefined ? outcome : { ...outcome, problems: [...outcome.problems, problemOfRung(rung)] };
  }

  /** After a pass that failed at `problem`. Absent: there is nothing to stand on, or what there was has to do. */
  async descend(problem: Problem, began: number, signal: AbortSignal): Promise<Outcome | undefined> {
    const cause = causeOf(problem.code);
    if (cause === undefined) return undefined;
    try {
      return await this.#descend(cause, problem, began, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#ports.report({ event: "uplink", problem: problemOf(error) });
      return undefined;
    }
  }

  async #descend(cause: Cause, problem: Problem, began: number, signal: AbortSignal): Promise<Outcome | undefined> {
    const { desired, problems, timing } = await this.#wanted();
    const lastGood = (await lastGoodOf(this.#ports.state))?.config;
    const config = lastGood ?? (desired && { ...desired, revision: 0 });
    if (config === undefined || (desired ?? config).network.mode === "observe") return undefined;
    const now = this.#ports.clock.monotonic();
    // Another try that takes as long as this one would not leave time enough.
    const due = this.withoutOvs || now - this.#soundAt + (now - began) >= timing.bootBudgetMs / 2;
    const ladder = await this.#open();
    const rung = await ladder.descend({ cause, problem, config, proven: lastGood !== undefined, due, timing }, signal);
    if (rung === undefined) return undefined;
    const told = rung.rung === 0 ? [problem] : [problemOfRung(rung), problem];
    if (rung.rung < 3) this.#ports.report({ event: "stands", problems: told });
    // Nothing was done, and what is wrong stays the reconciler's to retry.
    if (rung.rung === 0) return undefined;
    const againMs = rung.name === "kernel-vlan" ? timing.ovsdbTimeoutMs : timing.backoffMaxMs;
    return { state: "degraded", problems: [...told, ...problems], againMs };
  }

  /** Loaded only where it is needed: most hosts never climb down. */
  async #open(): Promise<Ladder> {
    const { Ladder } = await import("./ladder.ts");
    this.#ladder ??= new Ladder(this.#ports);
    return this.#ladder;
  }
}

function problemOfRung(rung: Rung): Problem {
  return {
    code: "E_NETWORK_RUNG",
    message: `rung ${rung.rung} of 3: ${describeRung(rung)}`,
    hint:
      rung.name === "link-local"
        ? `From a machine on the same cable: ping ff02::1%NIC, then ssh to what answers. The agent climbs back by itself.`
        : "The agent climbs back by itself when the cause is gone.",
  };
}
