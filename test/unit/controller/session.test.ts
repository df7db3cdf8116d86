import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  advance,
  nextAt,
  type OpenState,
  type SessionEvent,
  type SessionState,
} from "../../../agent/controller/session.ts";
import { linkTiming } from "./timing.ts";

const endpoints = ["wss://a.example/", "wss://b.example/"];
const problem = { code: "E_CONTROLLER_CLOSED", message: "gone" };

/** A link with a clock that only the test moves. */
class Bench {
  now = 0;
  chance = 0;
  state: SessionState = { state: "off" };
  readonly done: string[] = [];

  say(event: SessionEvent): this {
    const around = { now: this.now, timing: linkTiming, endpoints, random: () => this.chance };
    const { state, effects } = advance(this.state, event, around);
    this.state = state;
    this.done.push(...effects.map((effect) => effect.do));
    return this;
  }

  /** Lets time pass until the link has to do something. */
  next(): this {
    const at = nextAt(this.state, linkTiming);
    if (at === undefined) throw new Error("nothing depends on the time");
    this.now = at;
    return this.say({ event: "time" });
  }

  open(): this {
    return this.say({ event: "configured", endpoints }).say({ event: "opened" });
  }

  get pause(): number {
    if (this.state.state !== "waiting") throw new Error(`it is ${this.state.state}`);
    return this.state.until - this.now;
  }
}

describe("the link to the controller", () => {
  it("connects as soon as there is an endpoint, and is off when there is none", () => {
    const bench = new Bench().say({ event: "configured", endpoints });
    expect(bench.state).toMatchObject({ state: "connecting", endpoint: endpoints[0] });
    bench.say({ event: "configured", endpoints: [] });
    expect(bench.state).toEqual({ state: "off" });
    expect(bench.done).toEqual(["connect", "drop"]);
  });

  it("gives an attempt up that takes too long", () => {
    const bench = new Bench().say({ event: "configured", endpoints }).next();
    expect(bench.now).toBe(linkTiming.connectTimeoutMs);
    expect(bench.state).toMatchObject({ state: "waiting", problem: { code: "E_CONTROLLER_TIMEOUT" } });
  });

  it("waits a random time that doubles, from the first retry on, and takes another endpoint", () => {
    const bench = new Bench();
    bench.chance = 0.99;
    bench.say({ event: "configured", endpoints });
    const pauses: number[] = [];
    const tried: string[] = [];
    for (let attempt = 0; attempt < 10; attempt += 1) {
      bench.say({ event: "lost", problem });
      pauses.push(bench.pause / linkTiming.backoffMinMs / 0.99);
      bench.next();
      if (bench.state.state === "connecting") tried.push(bench.state.endpoint);
    }
    expect(pauses.map(Math.round)).toEqual([1, 2, 4, 8, 16, 32, 64, 120, 120, 120]);
    expect(new Set(tried).size).toBe(2);
    expect(tried.every((endpoint, index) => endpoint !== tried[index - 1])).toBe(true);
  });

  it("backs off ever longer from a controller that accepts and closes, a thousand times", () => {
    const bench = new Bench();
    bench.chance = 0.5;
    bench.open();
    for (let round = 0; round < 1000; round += 1) bench.say({ event: "lost", problem }).next().say({ event: "opened" });
    expect(bench.now).toBeGreaterThan(990 * 0.5 * linkTiming.backoffMaxMs);
  });

  it("forgets its failures only after a minute of use", () => {
    const pauseAfter = (ms: number, acked: boolean): number => {
      const bench = new Bench();
      bench.chance = 1;
      bench.say({ event: "configured", endpoints });
      for (let round = 0; round < 5; round += 1) bench.say({ event: "lost", problem }).next();
      bench.say({ event: "opened" });
      if (acked) bench.say({ event: "sent" }).say({ event: "answered" });
      bench.now += ms;
      return bench.say({ event: "lost", problem }).pause;
    };
    expect(pauseAfter(linkTiming.healthyAfterMs, true)).toBe(linkTiming.backoffMinMs);
    expect(pauseAfter(linkTiming.healthyAfterMs - 1, true)).toBe(32 * linkTiming.backoffMinMs);
    expect(pauseAfter(linkTiming.healthyAfterMs, false)).toBe(32 * linkTiming.backoffMinMs);
  });

  it("pings after silence, and counts a connection as dead that stays silent", () => {
    const bench = new Bench().open().next();
    expect([bench.now, bench.done.at(-1)]).toEqual([linkTiming.pingAfterMs, "ping"]);
    bench.next();
    expect(bench.now).toBe(linkTiming.silentForMs);
    expect(bench.state).toMatchObject({ state: "waiting", problem: { code: "E_CONTROLLER_SILENT" } });
  });

  it("takes any frame for a sign of life", () => {
    const bench = new Bench().open();
    for (let round = 0; round < 20; round += 1) bench.next().say({ event: "heard" });
    expect(bench.state.state).toBe("open");
    expect(bench.done.filter((effect) => effect === "ping")).toHaveLength(20);
  });

  it("counts a controller as dead that pongs and answers no report", () => {
    const bench = new Bench().open().say({ event: "sent" });
    while (bench.state.state === "open") bench.next().say({ event: "heard" });
    expect(bench.now).toBe(linkTiming.ackTimeoutMs);
  });

  it("keeps a pause that a controller asks for within bounds", () => {
    const asked = (retryAfterMs: number): number =>
      new Bench().open().say({ event: "lost", problem, retryAfterMs }).pause;
    expect(asked(0)).toBe(linkTiming.retryAfterMinMs);
    expect(asked(60_000)).toBe(60_000);
    expect(asked(Number(2n ** 64n - 1n) / 1e6)).toBe(linkTiming.retryAfterMaxMs);
  });

  const MIB = 1024 * 1024;

  it.each([
    ["messages", 200, 1],
    ["bytes", 4, MIB],
  ])("drops a controller that floods it with %s", (_what, count, bytes) => {
    const bench = new Bench().open();
    for (let message = 0; message < count; message += 1) bench.say({ event: "received", bytes });
    expect(bench.state.state).toBe("open");
    bench.say({ event: "received", bytes: 1 });
    expect(bench.state).toMatchObject({ state: "waiting", problem: { code: "E_CONTROLLER_FLOOD" } });
  });

  it("stays connected to one that sends much over a long time", () => {
    const bench = new Bench().open();
    for (let round = 0; round < 20; round += 1) {
      for (let message = 0; message < 4; message += 1) bench.say({ event: "received", bytes: MIB });
      bench.now += linkTiming.pingAfterMs;
    }
    expect(bench.state.state).toBe("open");
  });

  it("stays connected when other settings change, and leaves an endpoint that is gone from them", () => {
    const bench = new Bench().open();
    bench.say({ event: "configured", endpoints: [endpoints[0] ?? "", "wss://c.example/"] });
    expect(bench.state.state).toBe("open");
    bench.say({ event: "configured", endpoints: ["wss://c.example/"] });
    expect(bench.state.state).toBe("connecting");
    expect(bench.done).toEqual(["connect", "drop", "connect"]);
  });

  it("does not wait for the sake of an endpoint that is gone from the settings", () => {
    const bench = new Bench().open().say({ event: "lost", problem, retryAfterMs: 86_400_000 });
    bench.say({ event: "configured", endpoints: [...endpoints, "wss://c.example/"] });
    expect(bench.state.state).toBe("waiting");
    bench.say({ event: "configured", endpoints: endpoints.slice(1) });
    expect(bench.state).toMatchObject({ state: "connecting", attempt: 0 });
  });

  it("keeps its promises whatever happens in whatever order", () => {
    const event = fc.constantFrom<SessionEvent>(
      { event: "configured", endpoints },
      { event: "opened" },
      { event: "heard" },
      { event: "received", bytes: MIB },
      { event: "sent" },
      { event: "answered" },
      { event: "lost", problem },
      { event: "lost", problem, retryAfterMs: 0 },
      { event: "time" },
    );
    const step = fc.record({
      event,
      passes: fc.integer({ min: 0, max: 200_000 }),
      chance: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), keepsItsPromises));
  });

  it("never waits for anything without an end", () => {
    const open: OpenState = {
      state: "open",
      since: 0,
      attempt: 0,
      endpoint: "",
      heardAt: 0,
      acked: false,
      window: { since: 0, count: 0, bytes: 0 },
    };
    expect(nextAt({ ...open, pingedAt: 0 }, linkTiming)).toBe(linkTiming.silentForMs);
  });
});

interface Happening {
  readonly event: SessionEvent;
  readonly passes: number;
  readonly chance: number;
}

/** Never two connections at once, none that nobody holds on to, and no pause longer than the settings allow. */
function keepsItsPromises(steps: readonly Happening[]): void {
  const bench = new Bench();
  for (const { event, passes, chance } of steps) {
    bench.now += passes;
    bench.chance = chance;
    bench.say(event);
    const count = (effect: string): number => bench.done.filter((done) => done === effect).length;
    const live = bench.state.state === "connecting" || bench.state.state === "open";
    expect(count("connect") - count("drop")).toBe(live ? 1 : 0);
    const longest = linkTiming.retryAfterMaxMs + linkTiming.backoffMaxMs;
    if (bench.state.state === "waiting") expect(bench.state.until - bench.now).toBeLessThanOrEqual(longest);
  }
}
