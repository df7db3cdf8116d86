import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import type { Offer, RemoteStatus } from "./messages.ts";
import type { ControllerPorts } from "./ports.ts";
import { withApplied, withFailed } from "./state.ts";
import type { SessionStore } from "./store.ts";

const MAX_BYTES = 1024 * 1024;

/**
 * Configurations of the controller: each is checked, tried as a change that must keep the controller reachable, and kept or taken
 * away again. One at a time; of those that come meanwhile the last one counts.
 */
export class RemoteConfig {
  readonly #ports: Pick<ControllerPorts, "host" | "clock" | "report">;
  readonly #store: SessionStore;
  readonly #changed: () => void;
  #waiting: { readonly offer: Offer; readonly again: boolean } | undefined;
  #last: Offer | undefined;
  #working: Promise<void> | undefined;

  constructor(ports: Pick<ControllerPorts, "host" | "clock" | "report">, store: SessionStore, changed: () => void) {
    this.#ports = ports;
    this.#store = store;
    this.#changed = changed;
  }

  /** What the controller is told about its last configuration. */
  get status(): RemoteStatus | undefined {
    const { applying, remote } = this.#store.session;
    return applying === undefined ? remote : { hash: applying.hash, status: "applying" };
  }

  /** Resolves when nothing is being tried. Never rejects. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /** A configuration that the controller would like to see here. The same one again is no news. */
  offer(offer: Offer): void {
    this.#last = offer;
    const { applying, remote } = this.#store.session;
    const busy = applying?.hash === offer.hash || this.#waiting?.offer.hash === offer.hash;
    if (busy || (applying === undefined && this.#waiting === undefined && remote?.hash === offer.hash)) return;
    this.#waiting = { offer, again: false };
    this.#work();
  }

  /** Somebody on this host wants the last configuration tried again, although it failed. */
  retry(): void {
    const offer = this.#last;
    if (offer === undefined || this.status?.status !== "failed") return;
    this.#ports.host.retry();
    this.#waiting = { offer, again: true };
    this.#work();
  }

  /** What an earlier process left in the middle is judged by what the host follows now. */
  resume(): void {
    const { applying } = this.#store.session;
    if (applying === undefined) return;
    this.#run(() => this.#judge(applying.hash, applying.previous, true));
  }

  #work(): void {
    const next = this.#waiting;
    if (this.#working !== undefined || next === undefined) return;
    this.#waiting = undefined;
    this.#run(() => this.#try(next.offer, next.again));
  }

  #run(work: () => Promise<void>): void {
    this.#working = work()
      .catch((error: unknown) => {
        this.#ports.report({ event: "controller", step: "complaint", problem: problemOf(error) });
      })
      .then(() => {
        this.#working = undefined;
        this.#work();
      });
  }

  async #try(offer: Offer, again: boolean): Promise<void> {
    const failed = this.#store.session.failed.find(({ hash }) => hash === offer.hash);
    if (failed !== undefined && !again) return this.#failed(offer.hash, failed.reason);
    this.#ports.report({ event: "controller", step: "offered", hash: offer.hash });
    const { host } = this.#ports;
    let text: string | null;
    let previous: string | null;
    try {
      previous = await host.fragment();
      text = textOf(offer);
      const problems = text === null ? [] : await host.validate(text);
      if (problems.length > 0) return await this.#failed(offer.hash, reasonOf(problems));
    } catch (error) {
      return this.#failed(offer.hash, problemOf(error).message);
    }
    await this.#store.update((session) => ({ ...session, applying: { hash: offer.hash, previous } }));
    this.#changed();
    try {
      await host.setFragment(text);
    } catch (error) {
      // Nothing was tried, and nothing may go on as if it were: local changes would wait for this controller.
      return this.#failed(offer.hash, problemOf(error).message);
    }
    await this.#judge(offer.hash, previous, false);
  }

  async #judge(hash: string, previous: string | null, interrupted: boolean): Promise<void> {
    const { host } = this.#ports;
    // Before it could be judged, what an earlier process tried had perhaps been taken away again, or never been written.
    const undone = interrupted && (await host.fragment()) === previous;
    const problem = undone ? INTERRUPTED : await host.follow().catch(problemOf);
    if (problem === undefined) {
      await this.#store.update((session) => withApplied(session, hash));
      this.#ports.report({ event: "controller", step: "applied", hash });
      this.#changed();
      return;
    }
    await host.setFragment(previous).catch((error: unknown) => {
      this.#ports.report({ event: "controller", step: "complaint", problem: problemOf(error) });
    });
    await this.#failed(hash, problem.message);
    await host.follow().catch(problemOf);
    this.#changed();
  }

  async #failed(hash: string, reason: string): Promise<void> {
    const at = new Date(this.#ports.clock.now()).toISOString();
    await this.#store.update((session) => withFailed(session, hash, reason, at));
    this.#ports.report({ event: "controller", step: "failed", hash, reason });
    this.#changed();
  }
}

const INTERRUPTED: Problem = { code: "E_CONTROLLER_CONFIG", message: "interrupted before it was tried" };

/** The one fragment of an offer; null where it takes away what was offered before. */
function textOf({ files }: Offer): string | null {
  const bodies = Object.values(files);
  const [body] = bodies;
  // One file is replaced by one rename, and a crash cannot leave half of what was meant.
  if (bodies.length > 1) throw refused(`it has ${bodies.length} files, and one is what this agent takes`);
  if (body === undefined || body.length === 0) return null;
  if (body.length > MAX_BYTES) throw refused("it is larger than 1 MiB");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (error) {
    throw refused("it is not UTF-8 text", error);
  }
}

function refused(why: string, cause?: unknown): AgentError {
  return new AgentError({ code: "E_CONTROLLER_CONFIG", message: `the configuration was refused: ${why}` }, { cause });
}

function reasonOf(problems: readonly Problem[]): string {
  const [first, ...others] = problems;
  const where = first?.line === undefined ? "" : ` (line ${first.line})`;
  const more = others.length === 0 ? "" : `; and ${others.length} more`;
  return `${first?.code ?? "E_INTERNAL"}: ${first?.message ?? "refused"}${where}${more}`;
}
