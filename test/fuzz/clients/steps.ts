import fc from "fast-check";
import type { Row } from "./server.ts";

export const CLIENTS = 3;
/** How many replicas a client has. */
export const REPLICAS = 2;

/** The rows that a replica is made to follow: all, none, or those with a name. */
export type Wanted = "all" | "none" | "a" | "b";

/** Something that happens to the server, or that a client is asked to do. */
export type Step =
  | { readonly act: "write"; readonly id: string; readonly row: Row | undefined }
  | { readonly act: "stall" | "resume" | "leave" | "return" | "forget" | "refuse" }
  | { readonly act: "turn"; readonly times: number }
  | { readonly act: "cut" | "lock" | "steal" | "release" | "garble"; readonly client: number }
  | { readonly act: "monitor" | "fragile" | "close"; readonly client: number; readonly replica: number }
  | { readonly act: "where"; readonly client: number; readonly replica: number; readonly wanted: Wanted };

const client = fc.integer({ min: 0, max: CLIENTS - 1 });
const replica = fc.integer({ min: 0, max: REPLICAS - 1 });
const id = fc.integer({ min: 1, max: 4 }).map((digit) => `10000000-0000-4000-8000-00000000000${digit}`);
const row = fc.record(
  { name: fc.constantFrom("a", "b", "c"), n: fc.integer({ min: 0, max: 2 }) },
  { noNullPrototype: true },
);

const wanted = fc.constantFrom<Wanted[]>("all", "none", "a", "b");

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
    {
      weight: 4,
      arbitrary: fc.record({ act: fc.constant("write"), id, row: fc.option(row, { nil: undefined, freq: 3 }) }),
    },
    { weight: 4, arbitrary: fc.record({ act: fc.constant("turn"), times: fc.integer({ min: 1, max: 12 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        act: fc.constantFrom("stall", "resume", "resume", "leave", "return", "forget", "refuse"),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        act: fc.constantFrom("cut", "lock", "lock", "lock", "release", "release", "steal", "garble"),
        client,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ act: fc.constantFrom("monitor", "monitor", "fragile", "close"), client, replica }),
    },
    { weight: 3, arbitrary: fc.record({ act: fc.constant("where"), client, replica, wanted }) },
  ),
  { maxLength: 60, size: "max" },
);
