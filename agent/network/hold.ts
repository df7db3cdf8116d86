import type { Outcome } from "../core/capability.ts";
import type { Problem } from "../core/errors.ts";
import { observe } from "./converge.ts";
import { describe } from "./describe.ts";
import { type NetworkConfig, targetOf } from "./desired.ts";
import { renewRescue } from "./ending.ts";
import type { Observed } from "./observed.ts";
import { plan } from "./plan.ts";
import type { NetworkPorts } from "./ports.ts";
import { hasCarrier, missingAddresses, standingProblems } from "./standing.ts";
import { Repair } from "./steady/repair.ts";
import { othersOf } from "./steady/strangers.ts";
import type { Step } from "./steps.ts";
import type { Wanted } from "./wanted.ts";

/** Holds the host on a configuration, and says how it stands. */
export class Hold {
  readonly #ports: NetworkPorts;
  #current: NetworkConfig | undefined;
  readonly #wanted: () => Promise<Wanted>;
  readonly #repair: Repair;
  #asked = false;
  /** What was last told to be different and to stay so. */
  #toldDrift = "[]";
  #toldOthers = "[]";

  constructor(ports: NetworkPorts, wanted: () => Promise<Wanted>) {
    this.#ports = ports;
    this.#wanted = wanted;
    this.#repair = new Repair(ports);
  }

  /** The configuration that the host follows now; absent until it was looked at. */
  get current(): NetworkConfig | undefined {
    return this.#current;
  }

  /** See `Repair`. */
  get guarding(): boolean {
    return this.#repair.guarding;
  }

  /** Keeps the last good network: what differs from it is put back. `unwritten`: it is not remembered as such yet. */
  async keep(
    config: NetworkConfig,
    problems: readonly Problem[],
    signal: AbortSignal,
    { unwritten = false } = {},
  ): Promise<Outcome> {
    const { timing, paused = false } = await this.#wanted();
    const asked = this.#asked;
    this.#asked = false;
    const wish = { timing, paused, asked };
    const { observed, applied, left, problems: own, againMs } = await this.#repair.run(config, wish, signal);
    this.#reportDrift(applied);
    this.#reportLeft(left);
    this.#reportOthers(config, observed);
    // What was never as it has to be does not stand; what somebody changed since then does, and whoever waits for it has gone on.
    const good = left.length === 0 || this.#current !== undefined;
    const stale = unwritten ? [] : await renewRescue(this.#ports, config, observed);
    const outcome = this.report(config, observed, [...own, ...stale, ...problems], good);
    return againMs === undefined ? outcome : { ...outcome, againMs };
  }

  /** A person asked for the network as it has to be: the next pass repairs also what was to be left alone. */
  ask(): void {
    this.#asked = true;
  }

  report(config: NetworkConfig, observed: Observed, problems: readonly Problem[], good = true): Outcome {
    const now = standingProblems(config, observed, targetOf(config, observed));
    if (good) this.stands(config, observed);
    const all = [...problems, ...now];
    return { state: all.length === 0 ? "converged" : "degraded", problems: all };
  }

  /** It stood before this process began. Whether it still does is what the next look says. */
  stood(config: NetworkConfig): void {
    this.#current = config;
  }

  /** It stands when nothing is left to do and a member has carrier; whether the gateway answers does not matter here. */
  stands(config: NetworkConfig, observed: Observed): Observed {
    this.#current = config;
    if (!hasCarrier(config, observed)) return observed;
    this.#ports.report({ event: "stands", problems: standingProblems(config, observed, targetOf(config, observed)) });
    return observed;
  }

  /** Looks only, and tells what differs. A network that was ours stands as long as its addresses are there. */
  async observing(
    desired: Omit<NetworkConfig, "revision">,
    problems: readonly Problem[],
    signal: AbortSignal,
    lastGood?: NetworkConfig,
  ): Promise<Outcome> {
    // Nobody has to wait for a network that is not ours.
    if (lastGood === undefined) this.#ports.report({ event: "stands", problems });
    const observed = await observe(this.#ports, signal);
    this.#reportLeft(plan(targetOf({ ...desired, revision: 0 }, observed), observed));
    const missing = lastGood === undefined ? [] : missingAddresses(lastGood, observed);
    if (lastGood !== undefined && missing.length === 0) this.#ports.report({ event: "stands", problems });
    return { state: "observing", problems: [...missing, ...problems] };
  }

  #reportLeft(steps: readonly Step[]): void {
    const differs = JSON.stringify(steps);
    if (differs !== this.#toldDrift) this.#reportDrift(steps, { left: true });
    this.#toldDrift = differs;
  }

  #reportOthers(config: NetworkConfig, observed: Observed): void {
    const others = othersOf(config, targetOf(config, observed), observed);
    const told = JSON.stringify(others);
    if (told !== this.#toldOthers) this.#ports.report({ event: "others", others });
    this.#toldOthers = told;
  }

  #reportDrift(steps: readonly Step[], more: { readonly left?: true } = {}): void {
    for (const step of steps) {
      const { sign, text, details } = describe(step);
      this.#ports.report({ event: "drift", change: `${sign} ${text}`, details, risk: step.risk, ...more });
    }
  }
}
