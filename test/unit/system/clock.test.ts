import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../agent/system/clock.ts";
import { openSystemIdFile } from "../../../agent/system/system-id.ts";

test("the monotonic clock is the same for all processes, and a sleep ends with its signal", async () => {
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000;
  // CLOCK_MONOTONIC and CLOCK_BOOTTIME differ by the time that the machine was suspended.
  expect(systemClock.monotonic()).toBeLessThanOrEqual(uptime + 1_000);
  const stop = new AbortController();
  const slept = systemClock.sleep(60_000, stop.signal);
  stop.abort();
  await expect(slept).rejects.toMatchObject({ name: "AbortError" });
});

test("the system-id is the one line of its file; an empty or missing file says nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "system-id-"));
  const path = join(folder, "openvswitch/system-id.conf");
  const file = openSystemIdFile(path);
  expect(await file.read()).toBeUndefined();
  await file.write("cmp07");
  expect(readFileSync(path, "utf8")).toBe("cmp07\n");
  expect(await file.read()).toBe("cmp07");
  writeFileSync(path, "\n");
  expect(await file.read()).toBeUndefined();
  rmSync(folder, { recursive: true });
});
