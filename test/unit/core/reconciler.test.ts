import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../../agent/core/capability.ts";
import { AgentError } from "../../../agent/core/errors.ts";
import { Reconciler, type ReconcilerState } from "../../../agent/core/reconciler.ts";
import { FakeClock, settle } from "../../fakes/clock.ts";

const timing = { backoffMinMs: 500, backoffMaxMs: 8_000, driftIntervalMs: 30_000 };
const fine: Outcome = { state: "converged", problems: [] };

/** A capability whose passes end when the test says how. */
class Manual {
  readonly name = "manual";
  readonly begun: number[] = [];
  overlapping = 0;
  /** Answers for the passes to come; without one a pass waits for {@link end}. */
  readonly answers: (Outcome | Error)[] = [];
  progress: () => void = () => undefined;
  end: (answer: Outcome | Error) => void = () => undefined;
  readonly #clock: FakeClock;
  #running = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async reconcile(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    this.begun.push(this.#clock.monotonic());
    this.#running += 1;
    this.overlapping = Math.max(this.overlapping, this.#running);
    this.progress = progress;
    const answer = this.answers.shift() ?? (await this.#asked(signal));
    this.#running -= 1;
    if (answer instanceof Error) throw answer;
    return answer;
  }

  #asked(signal: AbortSignal): Promise<Outcome | Error> {
    return new Promise((resolve, reject) => {
      this.end = resolve;
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
}

let clock: FakeClock;
let work: Manual;
let stop: AbortController;
let states: ReconcilerState[];
let loop: Reconciler;
let running: Promise<void>;

beforeEach(() => {
  clock = new FakeClock();
  work = new Manual(clock);
  stop = new AbortController();
  states = [];
  const onState = (state: ReconcilerState): void => void states.push(state);
  loop = new Reconciler(work, { clock, random: () => 1, timing: () => timing, onState });
});

afterEach(async () => {
  stop.abort();
  await running;
});

async function start(...answers: (Outcome | Error)[]): Promise<void> {
  work.answers.push(...answers);
  running = loop.run(stop.signal);
  await settle();
}

const refused = new AgentError({ code: "E_OVSDB_UNREACHABLE", message: "no" });

describe("a reconciler", () => {
  test("makes a pass at once, then another after the drift interval", async () => {
    await start(fine, fine, fine);
    expect(work.begun).toHaveLength(1);
    await clock.advance(29_999);
    expect(work.begun).toHaveLength(1);
    await clock.advance(2);
    expect(work.begun).toHaveLength(2);
  });

  test("comes back earlier where a pass asks for it, but never earlier than the floor between passes", async () => {
    await start({ ...fine, againMs: 0 }, { ...fine, againMs: 2_000 }, fine);
    await clock.advance(499);
    expect(work.begun).toHaveLength(1);
    await clock.advance(2);
    expect(work.begun).toHaveLength(2);
    await clock.advance(3_000);
    expect(work.begun).toHaveLength(3);
  });

  test("makes one more pass for any number of triggers during one", async () => {
    await start();
    for (let time = 0; time < 100; time += 1) loop.trigger();
    work.answers.push(fine, fine, fine);
    work.end(fine);
    await clock.advance(5_000);
    expect(work.begun).toHaveLength(2);
  });

  test("never overlaps passes, whoever triggers", async () => {
    await start();
    for (let time = 0; time < 20; time += 1) {
      loop.trigger();
      await clock.advance(100);
    }
    expect(work.begun).toHaveLength(1);
    expect(work.overlapping).toBe(1);
  });

  test("begins passes at least the shortest backoff apart, though somebody triggers all the time", async () => {
    await start(...Array.from({ length: 50 }, () => fine));
    for (let time = 0; time < 400; time += 1) {
      loop.trigger();
      await clock.advance(10);
    }
    const gaps = work.begun.slice(1).map((at, index) => at - (work.begun[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
    expect(work.begun.length).toBeGreaterThan(6);
  });

  test("is woken by a trigger while it waits", async () => {
    await start(fine, fine);
    await clock.advance(5_000);
    loop.trigger();
    await settle();
    expect(work.begun).toHaveLength(2);
  });

  test("backs off longer from failure to failure, and starts over after a success", async () => {
    const waits: number[] = [];
    await start(refused, refused, refused, refused, refused, refused, fine, refused);
    for (let time = 0; time < 6; time += 1) {
      const state = loop.state;
      const wait = state.state === "backoff" ? state.until - clock.now() : 0;
      waits.push(wait);
      await clock.advance(wait);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000]);
    expect(loop.state.state).toBe("settled");
    loop.trigger();
    await clock.advance(500);
    expect(loop.state).toMatchObject({ state: "backoff", attempt: 0 });
  });

  test("tells its states, with the problem of what failed", async () => {
    await start(refused);
    expect(states).toMatchObject([
      { state: "running" },
      { state: "backoff", attempt: 0, problem: { code: "E_OVSDB_UNREACHABLE" } },
    ]);
    work.answers.push(new TypeError("a bug"));
    await clock.advance(1_100);
    expect(states.at(-1)).toMatchObject({ state: "backoff", problem: { code: "E_INTERNAL" } });
  });

  test("ends when it is told to, in the middle of a pass as well as while it waits", async () => {
    await start();
    stop.abort();
    await running;
    expect(states.map(({ state }) => state)).toEqual(["running"]);

    const other = new AbortController();
    work.answers.push(fine);
    const waiting = loop.run(other.signal);
    await settle();
    other.abort();
    await waiting;
    expect(clock.pending).toEqual([]);
  });
});

describe("waiting for a pass", () => {
  test("waits for one that begins after the asking, not for the one that runs", async () => {
    await start();
    let ended = false;
    const asked = loop.pass().then(() => {
      ended = true;
    });
    work.end(fine);
    await clock.advance(600);
    expect(work.begun).toHaveLength(2);
    expect(ended).toBe(false);
    work.end(fine);
    await asked;
    expect(loop.state.state).toBe("settled");
  });

  test("ends with a failed pass too, and with the end of the loop", async () => {
    await start(fine);
    work.answers.push(refused);
    const asked = loop.pass();
    await clock.advance(600);
    await asked;
    expect(loop.state.state).toBe("backoff");
    const never = loop.pass();
    stop.abort();
    await never;
  });
});

describe("progress, which feeds the watchdog", () => {
  test("stands still while a pass gets nowhere, and moves with what the pass does", async () => {
    await start();
    const begun = loop.progressAt;
    await clock.advance(60_000);
    expect(loop.progressAt).toBe(begun);
    work.progress();
    expect(loop.progressAt).toBe(clock.monotonic());
  });

  test("is made by waiting as planned", async () => {
    await start(refused);
    await clock.advance(400);
    expect(loop.progressAt).toBe(clock.monotonic());
  });
});
