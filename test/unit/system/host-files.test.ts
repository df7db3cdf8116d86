import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SystemHostFiles } from "../../../agent/system/host-files.ts";

describe("the files of the host", () => {
  let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;
  let files: SystemHostFiles;
  beforeEach(async () => {
    folder = await mkdtempDisposable(join(tmpdir(), "devcloud-files-"));
    files = new SystemHostFiles(folder.path, () => 200);
    await mkdir(join(folder.path, "proc"));
  });
  afterEach(async () => {
    files[Symbol.dispose]();
    vi.unstubAllEnvs();
    await folder.remove();
  });

  it("are read anew each time, those of the kernel through a descriptor that stays", async () => {
    using kernel = new SystemHostFiles("/", () => 1_000);
    const first = Number((await kernel.read("proc/uptime")).split(" ")[0]);
    let now = first;
    while (now === first) now = Number((await kernel.read("proc/uptime")).split(" ")[0]);
    expect(now).toBeGreaterThan(first);
    await writeFile(join(folder.path, "proc/a"), "one");
    expect(await files.read("proc/a")).toBe("one");
    await writeFile(join(folder.path, "proc/a"), "second");
    expect(await files.read("proc/a")).toBe("second");
  });

  it("are read to their end, whatever their size, and with what is not UTF-8 replaced", async () => {
    const big = "x".repeat(3 * 1024 * 1024);
    await writeFile(join(folder.path, "proc/big"), big);
    expect(await files.read("proc/big")).toBe(big);
    await writeFile(join(folder.path, "proc/bytes"), Buffer.from([0x61, 0xff, 0x62]));
    expect(await files.read("proc/bytes")).toBe("a\ufffdb");
  });

  it("do not hang the reader where a FIFO lies, and are refused when they are too large", async () => {
    execFileSync("mkfifo", [join(folder.path, "proc/fifo")]);
    await expect(files.read("proc/fifo")).rejects.toThrow("ESPIPE");
    execFileSync("truncate", ["-s", "33M", join(folder.path, "proc/huge")]);
    await expect(files.read("proc/huge")).rejects.toThrow("larger than");
    await expect(files.read("proc/missing")).rejects.toThrow("ENOENT");
  });

  it("tell the use of a file system, alike for one that is asked by a child", async () => {
    const local = await files.use("/", "ext4");
    const remote = await files.use("/", "nfs4");
    expect([remote.blockSize, remote.blocks, remote.files]).toEqual([local.blockSize, local.blocks, local.files]);
  });

  it.each(["ext4", "nfs4"])(
    "tell the same to two who ask for one mount point at once, such as for two %s mounted there",
    async (type) => {
      const [first, second] = await Promise.all([files.use("/", type), files.use("/", type)]);
      expect(first.blocks).toBeGreaterThan(0n);
      expect(second).toBe(first);
    },
  );

  it("ask again after an answer, and after a child that could not be started", async () => {
    vi.stubEnv("PATH", folder.path);
    await expect(files.use("/", "nfs4")).rejects.toMatchObject({ code: "E_TOOL_MISSING" });
    vi.unstubAllEnvs();
    const before = await files.use("/", "nfs4");
    expect(await files.use("/", "nfs4")).not.toBe(before);
  });

  it("give up file systems that hang, all within one time-out, and do not ask those again", async () => {
    const bin = join(folder.path, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "stat"), `#!/bin/sh\necho asked >> ${folder.path}/asked\nexec sleep 60\n`);
    await chmod(join(bin, "stat"), 0o755);
    vi.stubEnv("PATH", `${bin}:${process.env.PATH}`);
    const started = performance.now();
    const results = await Promise.allSettled(
      ["/a", "/b", "/c", "/d", "/e"].flatMap((point) => [files.use(point, "nfs4"), files.use(point, "nfs4")]),
    );
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(["rejected"]));
    expect(performance.now() - started).toBeLessThan(5_000);
    // The thread pool, and with it everything else of this process, is free meanwhile.
    expect((await files.use("/", "ext4")).blocks).toBeGreaterThan(0n);
  });
});
