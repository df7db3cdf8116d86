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
