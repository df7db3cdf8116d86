import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import type { Offer, RemoteStatus } from "./messages.ts";
import type { ControllerPorts } from "./ports.ts";
import { withApplied, withFailed, withForgotten, withTakeBack, withTakenBack } from "./state.ts";
import type { SessionStore } from "./store.ts";

const MAX_BYTES = 1024 * 1024;
const MAX_REASON = 1_000;

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
  /** The hash of what is being tried, from the first look at it until the host has settled afterwards. */
  #trying: string | undefined;

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

  /**
   * A configuration that the controller would like to see here. The same one again is no news, but it is the last word: what
   * waits since another offer is not wanted any more.
   */
  offer(offer: Offer): void {
    this.#last = offer;
    if (this.#waiting?.offer.hash === offer.hash) return;
    const current = this.#trying ?? this.#store.session.remote?.hash;
    this.#waiting = current === offer.hash ? undefined : { offer, again: false };
    this.#work();
  }

  /** Somebody on this host wants the last configuration tried again, although it failed. */
  retry(): void {
    if (this.status?.status !== "failed") return;
    this.#ports.host.retry();
    if (this.#last === undefined) this.#forget();
    else this.#waiting = { offer: this.#last, again: true };
    this.#work();
  }

  /** An earlier process was offered it: the controller is told that there is none here, and offers it anew. */
  #forget(): void {
    this.#store
      .update(withForgotten)
      .then(() => this.#changed())
      .catch((error: unknown) => this.#complain(error));
  }

  /** What an earlier process left in the middle is judged by what the host follows now. */
  resume(): void {
    const { applying } = this.#store.session;
    if (applying === undefined) this.settle();
    else this.#run(applying.hash, () => this.#judge(applying.hash, applying.previous, true));
  }

  /** Something could not be written, and is to be tried again. */
  get unsettled(): boolean {
    return this.#store.session.takeBack !== undefined || this.#store.unwritten;
  }

  /** Tries again what could not be written. */
  settle(): void {
    if (this.#trying !== undefined || !this.unsettled) return;
    this.#run(this.#store.session.remote?.hash ?? "", async () => {
      const { takeBack } = this.#store.session;
      // Told when it began, and in the status: not at every try.
      if (takeBack !== undefined) await this.#takeBack(takeBack.previous).catch(() => undefined);
      else await this.#store.update((session) => session).catch(() => undefined);
    });
  }

  async #takeBack(previous: string | null): Promise<void> {
    const { host } = this.#ports;
    await host.takeBack(previous);
    await this.#store.update(withTakenBack).catch((error: unknown) => this.#complain(error));
    await host.follow().catch(problemOf);
    this.#changed();
  }

  #work(): void {
    const next = this.#waiting;
    if (this.#trying !== undefined || next === undefined) return;
    this.#waiting = undefined;
    this.#run(next.offer.hash, () => this.#try(next.offer, next.again));
  }

  #run(hash: string, work: () => Promise<void>): void {
    this.#trying = hash;
    work()
      .catch((error: unknown) => this.#complain(error))
      .finally(() => {
        this.#trying = undefined;
        this.#work();
      });
  }

  #complain(error: unknown): void {
    this.#ports.report({ event: "controller", step: "complaint", problem: problemOf(error) });
  }

  async #try(offer: Offer, again: boolean): Promise<void> {
    const { takeBack } = this.#store.session;
    const failed = this.#store.session.failed.find(({ hash }) => hash === offer.hash);
    if (failed !== undefined && !again) return this.#failed(offer.hash, failed.reason);
    this.#ports.report({ event: "controller", step: "offered", hash: offer.hash });
    const { host } = this.#ports;
    let text: string | null;
    let previous: string | null;
    try {
      // What lies there failed: it is not what to go back to.
      if (takeBack !== undefined) await this.#takeBack(takeBack.previous);
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
    try {
      await host.takeBack(previous);
    } catch (error) {
      this.#complain(error);
      // Kept in memory also where it cannot be written; the next write brings it to the disk.
      await this.#store.update(withTakeBack).catch(() => undefined);
    }
    await this.#failed(hash, problem.message).catch((error: unknown) => this.#complain(error));
    await host.follow().catch(problemOf);
    this.#changed();
  }

  async #failed(hash: string, why: string): Promise<void> {
    // It may quote what was offered, and is kept for each of many.
    const reason = why.slice(0, MAX_REASON);
    const at = new Date(this.#ports.clock.now()).toISOString();
    await this.#store.update((session) => withFailed(session, hash, reason, at));
    this.#ports.report({ event: "controller", step: "failed", hash, reason });
    this.#changed();
  }
}

const INTERRUPTED: Problem = { code: "E_CONTROLLER_CONFIG", message: "interrupted before it was tried" };

/** The one fragment of an offer; null where it takes away what was offered before. */
function textOf({ hash, files }: Offer): string | null {
  // Without one nothing tells it from the next, and nobody could say what became of it.
  if (hash === "") throw refused("it has no hash");
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
