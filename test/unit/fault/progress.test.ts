import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Progress } from "../../fault/progress.ts";

const setting = { lane: "network", rounds: 10, seed: 7, speed: 20, shipped: 0 };
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "progress-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function path(): string {
  return join(folder, "deep", "run.ndjson");
}

test("a run that was interrupted goes on with the rounds that have ended, whatever line was being written", () => {
  const first = Progress.open(path(), setting);
  first.add({ round: 1 });
  first.add({ round: 2 });
  appendFileSync(path(), '{"round":3,"kil');
  const again = Progress.open(path(), setting);
  expect(again.read()).toEqual([{ round: 1 }, { round: 2 }]);
  again.add({ round: 3 });
  const resumed = Progress.resume(path());
  expect(resumed.setting).toEqual(setting);
  expect(resumed.read()).toEqual([{ round: 1 }, { round: 2 }, { round: 3 }]);
});

test("a file of another setting is not gone on with", () => {
  Progress.open(path(), setting).add({ round: 1 });
  expect(Progress.open(path(), { ...setting, seed: 8 }).read()).toEqual([]);
});

test("a file that is no progress is refused", () => {
  const file = join(folder, "other.ndjson");
  writeFileSync(file, '{"schema":"another"}\n');
  expect(() => Progress.resume(file)).toThrow("is not the progress of a run");
});
