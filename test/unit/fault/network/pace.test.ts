import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseFragments } from "../../../../agent/config/load.ts";
import { describePace, paceAt, shipped } from "../../../fault/network/pace.ts";
import { hostConfig } from "../../../lab/config.ts";

const repository = join(import.meta.dirname, "../../../..");

test("speed 1 is what ships", () => {
  const { speed: _, ...pace } = paceAt(1);
  expect(pace).toEqual(shipped);
});

test("what is taken for shipped is what the schema and the unit say", async () => {
  const config = hostConfig(1, { network: { bond: { updelay: null }, confirm: null }, timing: null });
  const result = parseFragments([{ file: "50-host.yaml", rank: 2, text: JSON.stringify(config) }]);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { network, timing } = result.settings;
  expect(timing).toEqual(shipped.timing);
  expect(network?.bond.updelayMs).toBe(shipped.updelayMs);
  expect(network?.confirm).toEqual({ deadlineMs: shipped.confirmDeadlineMs, by: "probes", good: shipped.confirmGood });
  const unit = await readFile(join(repository, "packaging/usr/lib/systemd/system/devcloud-agent.service"), "utf8");
  expect(unit).toContain(`RestartSec=${shipped.restartMs / 1000}s\n`);
});

test("a higher speed divides durations, and no time-out goes below its floor", () => {
  const pace = paceAt(20);
  expect(pace.confirmDeadlineMs).toBe(6000);
  expect(pace.restartMs).toBe(100);
  expect(pace.timing.probeIntervalMs).toBe(50);
  expect(pace.timing.ovsdbTimeoutMs).toBe(2000);
  expect(paceAt(1000).timing.ovsdbTimeoutMs).toBe(2000);
});

test("no duration is ever longer than the shipped one", () => {
  for (const speed of [1, 2, 3, 1000]) {
    const { timing } = paceAt(speed);
    for (const name of Object.keys(timing) as (keyof typeof timing)[]) {
      expect(timing[name]).toBeLessThanOrEqual(shipped.timing[name]);
      expect(timing[name]).toBeGreaterThan(0);
    }
  }
});

test("the description names every duration", () => {
  const text = describePace(paceAt(20));
  for (const name of ["confirm.deadline 6000 ms", "bond.updelay 1500 ms", "probe_interval 50 ms", "divided by 20"]) {
    expect(text).toContain(name);
  }
});
