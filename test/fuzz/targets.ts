import { frames } from "./frames.ts";
import { streams } from "./streams.ts";
import type { FuzzTarget } from "./target.ts";
import { values } from "./values.ts";

/** What is fuzzed, sorted by name. */
export const targets: readonly FuzzTarget[] = [frames, streams, values];
