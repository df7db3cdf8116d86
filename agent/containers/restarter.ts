import type { ContainerSettings } from "../config/settings.ts";
import { problemOf } from "../core/errors.ts";
import { apply, type Ended, intentOf, type Step } from "./apply.ts";
import type { Book } from "./book.ts";
import type { Container } from "./observed.ts";
import type { ContainersPorts } from "./ports.ts";
import type { Judged } from "./status.ts";
import type { Witness } from "./witness.ts";

/** Whether the step is still due, with the container as it is now. */
export type Still = (step: Step, now: Container, settings: ContainerSettings, signal: AbortSignal) => Promise<boolean>;

/** Restarts containers, one at a time, and writes down what it does before and after. */
export class Restarter {
  readonly #ports: ContainersPorts;
  readonly #book: Book;
  readonly #witness: Witness;
  readonly #still: Still;
  readonly #wake: () => void;
  #acting: string | undefined;

  /** `wake` asks for another pass when a restart has ended. */
  constructor(ports: ContainersPorts, book: Book, witness: Witness, still: Still, wake: () => void) {
    this.#ports = ports;
    this.#book = book;
    this.#witness = witness;
    this.#still = still;
    this.#wake = wake;
  }

  /** Name of the container that is being restarted. */
  get acting(): string | undefined {
    return this.#acting;
  }

  /** Not within the pass: a container that takes a minute to stop must not blind us to the others. */
  begin(judged: Judged, container: Container, settings: ContainerSettings, signal: AbortSignal): void {
    const { wanted, verdict } = judged;
    if (verdict.cause === undefined || this.#acting !== undefined) return;
    const unit = judged.unit === undefined || judged.unit === "unknown" ? undefined : judged.unit.unit;
    const kind = unit !== undefined ? "restart-unit" : container.state === "running" ? "restart" : "start";
    const next = this.#book.ledger.next(wanted.name, settings.timing, this.#ports.random);
    const step: Step = { kind, name: wanted.name, container, why: verdict.cause, ...(unit && { unit }), ...next };
    this.#acting = wanted.name;
    void this.#act(step, settings, signal)
      .catch(async (error: unknown) => {
        if (!signal.aborted) await this.#record({ result: "failed", detail: problemOf(error).message }, step);
      })
      .finally(() => {
        this.#acting = undefined;
        this.#witness.oursEnded(container.id, this.#ports.clock.monotonic());
        this.#wake();
      });
  }

  async #act(step: Step, settings: ContainerSettings, signal: AbortSignal): Promise<void> {
    const { report } = this.#ports;
    this.#witness.ours(step.container.id);
    const intent = await intentOf(this.#ports, step, signal);
    // What cannot be written down is not done: the budget would be forgotten with the next restart of the agent.
    const refused = await this.#book.intend(intent).then(
      () => undefined,
      () => this.#book.closed?.problem,
    );
    if (refused !== undefined) {
      this.#tell({ result: "failed", detail: refused.message }, step);
      return;
    }
    report({
      event: "container-action",
      name: step.name,
      at: intent.at,
      action: step.kind,
      cause: step.why,
      result: "pending",
    });
    const still = (now: Container, within: AbortSignal): Promise<boolean> => this.#still(step, now, settings, within);
    const ended = await apply(this.#ports, step, settings.timing, still, signal);
    await this.#record(ended, step);
  }

  async #record(ended: Ended, step: Step): Promise<void> {
    const at = this.#ports.clock.now();
    this.#tell(ended, step);
    await this.#book.note({ version: 1, kind: "result", at, name: step.name, container: step.container.id, ...ended });
  }

  #tell(ended: Ended, { name, kind: action, why: cause }: Step): void {
    this.#ports.report({ event: "container-action", name, at: this.#ports.clock.now(), action, cause, ...ended });
  }
}
