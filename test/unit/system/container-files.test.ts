import { mkdir, mkdtemp, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { look } from "../../../agent/containers/observe.ts";
import type { ConfigState } from "../../../agent/containers/observed.ts";
import { openContainerFiles } from "../../../agent/system/container-files.ts";
import { container } from "../containers/helpers.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "devcloud-container-files-"));
  onTestFinished(() => rm(root, { recursive: true }));
});

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

describe("whether virtual machines live in a container", () => {
  const group = "sys/fs/cgroup/system.slice/docker-1.scope";
  const guests = () => openContainerFiles(root).guests(100);

  beforeEach(async () => {
    await put("proc/100/cgroup", "0::/system.slice/docker-1.scope\n");
    await put("proc/100/comm", "libvirtd\n");
    await put("proc/200/comm", "qemu-system-x86\n");
    await put(`${group}/cgroup.procs`, "100\n");
  });

  it("is none where only libvirt does", async () => {
    await put(`${group}/init.scope/cgroup.procs`, "100\n");
    expect(await guests()).toBe("none");
  });

  it.each([
    ["the group itself", "cgroup.procs"],
    ["a group below it", "machine/cgroup.procs"],
    ["a group with dots in its name", "machine/qemu-1-instance.libvirt-qemu/cgroup.procs"],
    ["a group below one with dots", "machine.slice/machine-qemu\\x2d1.scope/libvirt/emulator/cgroup.procs"],
  ])("is some where qemu is in %s", async (_where, procs) => {
    await put(join(group, procs), "100\n200\n");
    expect(await guests()).toBe("some");
  });

  it("is told by every hierarchy of the first version's groups", async () => {
    await put("proc/100/cgroup", "2:cpu:/docker/1\n1:name=systemd:/docker/1\n");
    await put("sys/fs/cgroup/cpu/docker/1/machine/qemu-1-a.libvirt-qemu/cgroup.procs", "200\n");
    expect(await guests()).toBe("some");
  });

  it("counts neither a process nor a group that ended meanwhile", async () => {
    await put(`${group}/cgroup.procs`, "100\n300\n");
    await mkdir(join(root, group, "gone"));
    expect(await guests()).toBe("none");
  });

  it.each([
    ["the processes of a group", `${group}/machine/cgroup.procs`],
    ["the name of a process", "proc/300/comm"],
  ])("is unknown where %s cannot be read", async (_what, path) => {
    await put(`${group}/cgroup.procs`, "100\n300\n");
    // A folder is what cannot be read as a file, for root as well.
    await mkdir(join(root, path), { recursive: true });
    expect(await guests()).toBe("unknown");
  });

  it("is unknown where the process has no group, or is gone", async () => {
    await put("proc/100/cgroup", "");
    expect(await guests()).toBe("unknown");
    await rm(join(root, "proc/100"), { recursive: true });
    expect(await guests()).toBe("unknown");
  });
});

describe("the configuration in a folder of Kolla's", () => {
  const config = () => openContainerFiles(root).config(join(root, "kolla"));
  const state = async (): Promise<ConfigState> => {
    const found = await config();
    if (found === "unreadable") throw new Error(found);
    return found;
  };
  const changes = async (change: () => Promise<unknown>): Promise<boolean> => {
    const before = await state();
    await change();
    return (await state()).hash !== before.hash;
  };

  beforeEach(async () => {
    await put("kolla/config.json", "{}");
    await put("kolla/conf.d/a.conf", "a");
  });

  it("is the same as long as nothing is written, and another one with any file", async () => {
    expect(await changes(async () => undefined)).toBe(false);
    expect(await changes(() => put("kolla/config.json", "{}"))).toBe(false);
    expect(await changes(() => put("kolla/config.json", "{ }"))).toBe(true);
    expect(await changes(() => put("kolla/conf.d/a.conf", "b"))).toBe(true);
    expect(await changes(() => put("kolla/conf.d/b.conf", ""))).toBe(true);
    expect(await changes(() => unlink(join(root, "kolla/conf.d/b.conf")))).toBe(true);
  });

  it("has links as they are, also where they lead nowhere", async () => {
    const link = join(root, "kolla/ca.pem");
    expect(await changes(() => symlink("/nowhere", link))).toBe(true);
    expect(await changes(async () => undefined)).toBe(false);
    await unlink(link);
    expect(await changes(() => symlink("/nowhere/else", link))).toBe(true);
    await unlink(link);
    await symlink("..", link);
    expect(await config()).not.toBe("unreadable");
  });

  it("has the size and the time of a file that is too large to be read", async () => {
    expect(await changes(() => put("kolla/image", " ".repeat(5 * 1024 * 1024)))).toBe(true);
    expect(await changes(() => utimes(join(root, "kolla/image"), 1, 1))).toBe(true);
  });

  it("cannot be read where the folder is none, or is not there", async () => {
    await rm(join(root, "kolla"), { recursive: true });
    expect(await config()).toBe("unreadable");
    await put("kolla", "");
    expect(await config()).toBe("unreadable");
  });

  it("is not read to its end where a folder has far too many files", async () => {
    for (let index = 0; index < 501; index += 1) await put(`kolla/many/${index}`, "");
    expect(await config()).toBe("unreadable");
  });

  it("is read of Kolla's containers alone", async () => {
    const configFolder = join(root, "kolla");
    const unasked = async (): Promise<never> => Promise.reject(new Error("this is not asked"));
    const docker = { list: unasked, act: unasked, logs: unasked, events: unasked };
    const units = { observe: unasked, restart: unasked };
    const seen = async (changes: object) => {
      const inspect = async () => container("cron", { configFolder, ...changes });
      const ports = { docker: { ...docker, inspect }, units, files: openContainerFiles(root) };
      return (await look(ports, "cron-id", AbortSignal.timeout(10_000)))?.config;
    };
    expect(await seen({})).toEqual(await config());
    expect(await seen({ env: {}, labels: {} })).toBeUndefined();
  });
});
