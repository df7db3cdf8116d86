import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type BadCase, badCases } from "../unit/config/bad-cases.ts";

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
const SCREEN = 40;

interface Run {
  readonly name: string;
  readonly code: number | null;
  readonly lines: number;
  readonly ms: number;
}

async function checkConfig(bad: BadCase): Promise<Run & { readonly output: string }> {
  const args = bad.file === undefined ? ["--root", bad.root, "check-config"] : ["check-config", bad.file];
  const start = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const output = out + err;
  return {
    name: bad.name,
    code: child.exitCode,
    lines: output.trimEnd().split("\n").length,
    ms: performance.now() - start,
    output,
  };
}

describe("check-config, the real command", () => {
  const { cases, remove } = badCases();
  const runs: Run[] = [];

  it.each(cases)("refuses $name with exit code 2 and one screen that names every problem", async (bad) => {
    const run = await checkConfig(bad);
    runs.push(run);
    expect(run.code, run.output).toBe(2);
    expect(run.lines).toBeLessThanOrEqual(SCREEN);
    for (const { code, line } of bad.expected) {
      expect(run.output).toMatch(
        line === undefined ? new RegExp(`${code}\\b`) : new RegExp(`:${line}:\\d+ ${code}\\b`),
      );
    }
  });

  // The goal is a second each; it is printed and not asserted, because a busy machine would make a liar of the test.
  afterAll(() => {
    remove();
    const row = (run: Run) =>
      `${run.name.padEnd(36)} ${String(run.code).padStart(4)} ${String(run.lines).padStart(6)} ${run.ms.toFixed(0).padStart(6)}`;
    const times = runs.map(({ ms }) => ms).sort((a, b) => a - b);
    const [median = 0, slowest = 0] = [times[times.length >> 1], times.at(-1)];
    const head = `${"bad configuration".padEnd(36)} exit  lines     ms`;
    process.stdout.write(
      `${[head, ...runs.map(row), `median: ${median.toFixed(0)} ms, slowest: ${slowest.toFixed(0)} ms (goal: under 1000 ms)`].join("\n")}\n`,
    );
  });
});
