import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { SystemHostFiles } from "../../../agent/system/host-files.ts";
import { run } from "../../../agent/system/run.ts";
import { HungMount } from "../../lab/hung-mount.ts";

const TIMEOUT_MS = 200;
const type = "fuse.hung";

/** The children of this process that ask for the use of a file system. */
function asking(): readonly string[] {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.filter((pid) => {
    const [, parent] = /\(stat\) \S (\d+)/.exec(statOf(pid)) ?? [];
    return parent === String(process.pid);
  });
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    // It ended.
    return "";
  }
}

describe.skipIf(!existsSync("/dev/fuse"))("a file system that hangs", () => {
  it("costs one child that cannot be killed, however often it is asked, and none once it answers", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-hung-"));
    const point = join(folder.path, "mnt");
    await mkdir(point);
    using files = new SystemHostFiles("/", () => TIMEOUT_MS);
    const ended = Promise.withResolvers<void>();
    {
      await using _mount = new HungMount(point);
      const ask = async (): Promise<void> => {
        await expect(files.use(point, type)).rejects.toThrow();
      };
      await ask();
      const first = asking();
      expect(first).toHaveLength(1);
      // Started later than the child of the first question and with the same time: when this one is given up, so is that one.
      const signal = new AbortController().signal;
      const options = { signal, timeoutMs: TIMEOUT_MS, onExit: ended.resolve };
      await expect(run("stat", ["--file-system", point], options)).rejects.toMatchObject({ code: "E_TOOL_TIMEOUT" });
      await ask();
      await ask();
      expect(asking()).toHaveLength(2);
      expect(asking()).toEqual(expect.arrayContaining([...first]));
    }
    await ended.promise;
    await vi.waitFor(async () => expect((await files.use(point, type)).blocks).toBeGreaterThan(0n), 10_000);
    expect(asking()).toEqual([]);
  });
});
