import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openContainerFiles } from "../../../agent/system/container-files.ts";

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
