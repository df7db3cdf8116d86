import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  keepBeside,
  listDir,
  putBack,
  readFileBounded,
  touch,
  writeFileAtomic,
  writeOutput,
} from "../../../agent/system/files.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "files-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("reading a file", () => {
  it("gives all of it up to the bound, and nothing beyond", async () => {
    const file = join(folder, "f");
    writeFileSync(file, "x".repeat(100_000));
    expect((await readFileBounded(file, 100_000)).length).toBe(100_000);
    await expect(readFileBounded(file, 99_999)).rejects.toMatchObject({ code: "E_FILE_TOO_BIG", problem: { file } });
  });

  it("bounds files too that say they are empty", async () => {
    expect((await readFileBounded("/proc/self/status", 1_000_000)).length).toBeGreaterThan(100);
    await expect(readFileBounded("/proc/self/status", 10)).rejects.toMatchObject({ code: "E_FILE_TOO_BIG" });
    await expect(readFileBounded("/dev/zero", 10)).rejects.toMatchObject({ code: "E_FILE_KIND" });
  });

  it("does not wait for somebody to write into a FIFO", async () => {
    const file = join(folder, "fifo");
    execFileSync("mkfifo", [file]);
    await expect(readFileBounded(file, 10)).rejects.toMatchObject({ code: "E_FILE_KIND" });
  });

  it("tells what is missing, a directory, or a loop of links", async () => {
    symlinkSync("loop", join(folder, "loop"));
    await expect(readFileBounded(join(folder, "none"), 10)).rejects.toMatchObject({ code: "E_FILE_MISSING" });
    await expect(readFileBounded(folder, 10)).rejects.toMatchObject({ code: "E_FILE_KIND" });
    await expect(readFileBounded(join(folder, "loop"), 10)).rejects.toMatchObject({ code: "E_FILE_KIND" });
  });
});

describe("listing a directory", () => {
  it("gives its names, and none when it is missing", async () => {
    writeFileSync(join(folder, "b"), "");
    writeFileSync(join(folder, "a"), "");
    expect((await listDir(folder)).toSorted()).toEqual(["a", "b"]);
    expect(await listDir(join(folder, "none"))).toEqual([]);
    await expect(listDir(join(folder, "a"))).rejects.toMatchObject({ code: "E_FILE_KIND" });
  });
});

describe("writing a file", () => {
  it("replaces it whole, with the mode asked for, and leaves nothing else behind", async () => {
    const file = join(folder, "deep", "er", "f");
    await writeFileAtomic(file, "one", 0o700);
    await writeFileAtomic(file, new TextEncoder().encode("two"), 0o600);
    expect(readFileSync(file, "utf8")).toBe("two");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, "deep", "er"))).toEqual(["f"]);
  });

  it("keeps the old content, and no temporary file, when the new one cannot be put in place", async () => {
    const file = join(folder, "f");
    mkdirSync(join(file, "occupied"), { recursive: true });
    await expect(writeFileAtomic(file, "new")).rejects.toMatchObject({ code: "E_FILE_KIND" });
    expect(readdirSync(folder)).toEqual(["f"]);
    expect(readdirSync(file)).toEqual(["occupied"]);
  });

  it("is not misled by the temporary file of a crash", async () => {
    const file = join(folder, "f");
    const left = join(folder, `.f.0.${process.pid}.tmp`);
    writeFileSync(left, "half");
    chmodSync(left, 0o777);
    await writeFileAtomic(file, "whole", 0o640);
    expect(readFileSync(file, "utf8")).toBe("whole");
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it("leaves one of the texts, whole, where several are written at once", async () => {
    const file = join(folder, "f");
    const texts = Array.from({ length: 8 }, (_, index) => String(index).repeat(50_000));
    await Promise.all(texts.map((text) => writeFileAtomic(file, text)));
    expect(texts).toContain(readFileSync(file, "utf8"));
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  it("has no part of a file read by others while several write it", async () => {
    const file = join(folder, "f");
    const texts = ["a".repeat(50_000), "b".repeat(70_000)];
    await writeFileAtomic(file, "a".repeat(50_000));
    const reads: string[] = [];
    for (let round = 0; round < 20; round++) {
      const writing = writeFileAtomic(file, texts[round % 2] ?? "");
      reads.push(readFileSync(file, "utf8"));
      await writing;
    }
    expect(reads.every((text) => texts.includes(text))).toBe(true);
  });
});

describe("writing what a person asked for", () => {
  it("replaces a regular file and makes a new one", async () => {
    const file = join(folder, "f");
    await writeOutput(file, "one", 0o644);
    await writeOutput(file, "two", 0o600);
    expect(readFileSync(file, "utf8")).toBe("two");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("refuses what is not a regular file, and leaves it as it is", async () => {
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    const link = join(folder, "link");
    symlinkSync("f", link);
    writeFileSync(join(folder, "f"), "old");
    for (const path of [fifo, link, folder, "/dev/null", "/dev/stdout"]) {
      const before = lstatSync(path).ino;
      await expect(writeOutput(path, "new", 0o644)).rejects.toMatchObject({
        code: "E_OUTPUT_FILE",
        problem: { file: path },
      });
      expect(lstatSync(path).ino).toBe(before);
    }
    expect(readFileSync(join(folder, "f"), "utf8")).toBe("old");
  });

  it("makes no folders", async () => {
    await expect(writeOutput(join(folder, "none", "f"), "x", 0o644)).rejects.toMatchObject({ code: "E_OUTPUT_FILE" });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("what a file was before", () => {
  it("is kept when the file is replaced, and is the file again", async () => {
    const file = join(folder, "f");
    const kept = join(folder, "f.previous");
    writeFileSync(kept, "long ago");
    await keepBeside(file, kept);
    expect(readdirSync(folder)).toEqual([]);
    await writeFileAtomic(file, "one");
    await keepBeside(file, kept);
    await writeFileAtomic(file, "two");
    expect(readFileSync(kept, "utf8")).toBe("one");
    await putBack(kept, file);
    expect(readFileSync(file, "utf8")).toBe("one");
    expect(readdirSync(folder)).toEqual(["f"]);
  });
});

describe("a folder that is missing", () => {
  it("is made with those above it, also by many at once", async () => {
    const names = ["a", "b", "c", "d"];
    await Promise.all(names.map((name) => writeFileAtomic(join(folder, "1/2/3", name), name)));
    expect(readdirSync(join(folder, "1/2/3")).sort()).toEqual(names);
  });

  // In a process of its own: Node's recursive mkdir would ask for ever, and no time-out of a test ends that.
  it("below /proc is told as one that cannot be made", () => {
    const files = new URL("../../../agent/system/files.ts", import.meta.url).href;
    const script = `import(${JSON.stringify(files)}).then(({ writeFileAtomic }) => writeFileAtomic("/proc/none/at/all", ""))
      .catch(({ code, message }) => console.log(code, message))`;
    const out = execFileSync(process.execPath, ["-e", script], { timeout: 20_000, killSignal: "SIGKILL" });
    expect(out.toString()).toBe("E_FILE_IO the folder /proc/none cannot be made (ENOENT)\n");
  });

  it("that is a file, or on a disk that takes nothing, is told with a code by whoever makes a flag in it", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(touch(join(folder, "file/net-ready"))).rejects.toMatchObject({ code: "E_FILE_KIND" });
    await expect(touch("/sys/none/net-ready")).rejects.toMatchObject({
      code: expect.stringMatching(/^E_FILE_/) as string,
    });
  });
});
