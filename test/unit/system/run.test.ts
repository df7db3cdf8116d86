import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { run } from "../../../agent/system/run.ts";

const signal = new AbortController().signal;
const options = { signal, timeoutMs: 10_000 };

describe("running a program", () => {
  test("gives its output and its exit code, also a bad one, and the input to it", async () => {
    expect(await run("sh", ["-c", "cat; echo wrong >&2; exit 3"], { ...options, input: "text" })).toEqual({
      code: 3,
      stdout: "text",
      stderr: "wrong\n",
    });
  });

  test("takes no shell: words are words", async () => {
    expect((await run("echo", ["$HOME; ls"], options)).stdout).toBe("$HOME; ls\n");
  });

  test("minds no program that ends without reading its input", async () => {
    const input = "x".repeat(1_000_000);
    expect((await run("true", [], { ...options, input })).code).toBe(0);
  });

  test("gives it an input that comes when it runs already", async () => {
    const { promise: input, resolve: give } = Promise.withResolvers<string>();
    const ran = run("sh", ["-c", "read word; echo $word"], { ...options, timeoutMs: 5_000, input });
    give("late\n");
    expect(await ran).toEqual({ code: 0, stdout: "late\n", stderr: "" });
  });

  test("ends with a program that does not wait for its input, and needs none any more", async () => {
    const { promise: input, resolve: give } = Promise.withResolvers<string>();
    expect((await run("true", [], { ...options, input })).code).toBe(0);
    give("too late");
  });

  test("keeps characters whole that come in pieces", async () => {
    const script = "printf '\\303'; sleep 0.05; printf '\\244'";
    expect((await run("sh", ["-c", script], options)).stdout).toBe("ä");
  });

  test("kills it after its time, and says what it was", async () => {
    const late = run("sleep", ["60"], { signal, timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: "E_TOOL_TIMEOUT", message: "sleep 60 did not end in 50 ms" });
  });

  test("kills it with the signal, and rejects with the signal's reason", async () => {
    const stop = new AbortController();
    const running = run("sleep", ["60"], { signal: stop.signal, timeoutMs: 60_000 });
    stop.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    await expect(run("true", [], { signal: stop.signal, timeoutMs: 1_000 })).rejects.toThrow("enough");
  });

  const alive = (pid: string): boolean => {
    try {
      return process.kill(Number(pid), 0);
    } catch {
      return false;
    }
  };

  test("kills what it started too, and does not wait for the pipes that this one holds", async () => {
    const late = run("sh", ["-c", "sleep 600; true"], { signal, timeoutMs: 100 });
    await expect(late).rejects.toMatchObject({ code: "E_TOOL_TIMEOUT" });
    const stop = new AbortController();
    const stopped = run("sh", ["-c", "sleep 600; true"], { signal: stop.signal, timeoutMs: 600_000 });
    stop.abort(new Error("enough"));
    await expect(stopped).rejects.toThrow("enough");
  });

  test("ends with the program, also when this one left somebody behind who holds its pipes", async () => {
    const { code, stdout } = await run("sh", ["-c", "sleep 600 & echo $!; exit 3"], options);
    expect(code).toBe(3);
    // What a program leaves behind when it ends by itself is its own matter.
    expect(alive(stdout.trim())).toBe(true);
    process.kill(Number(stdout.trim()), "SIGKILL");
  });

  test("does not keep its process alive after the end, whoever still holds a pipe", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-run-"));
    const file = join(folder.path, "pid");
    const script = `const { run } = await import(${JSON.stringify(join(import.meta.dirname, "../../../agent/system/run.ts"))});
      const stop = new AbortController();
      setTimeout(() => stop.abort(new Error("stop")), 200);
      // Out of its group, as a daemon would be.
      await run("sh", ["-c", "setsid sleep 600 & echo $! >${file}; sleep 600; true"], { signal: stop.signal, timeoutMs: 600_000 }).catch(() => 0);
      console.log("stopped");`;
    const node = ["--input-type=module", "--no-warnings", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, node, { timeout: 30_000 });
    expect(stdout).toBe("stopped\n");
    const holder = readFileSync(file, "utf8").trim();
    expect(alive(holder)).toBe(true);
    process.kill(Number(holder), "SIGKILL");
  });

  test("says that a program is missing", async () => {
    await expect(run("no-such-program", [], options)).rejects.toMatchObject({ code: "E_TOOL_MISSING" });
    await expect(run("/", [], options)).rejects.toMatchObject({ code: "E_TOOL_FAILED" });
  });

  test("does not take in more than it can hold", async () => {
    const { code, stdout } = await run("sh", ["-c", "exec cat /dev/zero"], options);
    expect(code).toBe(137);
    expect(stdout.length).toBeLessThanOrEqual(32 * 1024 * 1024);
  });
});
