import { expect, it } from "vitest";
import { shared } from "../../../agent/core/shared.ts";
import { FakeClock } from "../../fakes/clock.ts";

/** Looks that the test ends, one after the other. */
function looks() {
  const begun: PromiseWithResolvers<number>[] = [];
  const clock = new FakeClock();
  const look = (): Promise<number> => {
    const next = Promise.withResolvers<number>();
    begun.push(next);
    return next.promise;
  };
  return { begun, clock, ask: shared(look, clock, 1_000) };
}

it("one look answers everybody who asks while it goes on, and for a while after", async () => {
  const { begun, clock, ask } = looks();
  const asked = Array.from({ length: 500 }, () => ask());
  await clock.advance(60_000);
  asked.push(ask());
  begun[0]?.resolve(1);
  expect(new Set(await Promise.all(asked))).toEqual(new Set([1]));
  await clock.advance(999);
  expect(await ask()).toBe(1);
  expect(begun).toHaveLength(1);
  await clock.advance(1);
  const second = ask();
  begun[1]?.resolve(2);
  expect(await second).toBe(2);
});

it("a look that failed is told to those who waited for it, and made again for the next one", async () => {
  const { begun, ask } = looks();
  const asked = [ask(), ask()];
  begun[0]?.reject(new Error("no"));
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const again = ask();
  begun[1]?.resolve(1);
  expect(await again).toBe(1);
});
