import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { must, withLock } from "../../lab/command.ts";
import { hostTools, type Need, type Say, type ToolEnv, unpacked } from "../../lab/tools.ts";
import { baseRoot } from "../boot/root.ts";
import { bootTools } from "../tools.ts";

const qemu: readonly Need[] = [
  {
    commands: ["qemu-system-x86_64"],
    debian: "qemu-system-x86",
    fedora: "qemu-system-x86-core",
    why: "a machine with a kernel of its own",
  },
  { commands: ["mke2fs"], debian: "e2fsprogs", fedora: "e2fsprogs", why: "that machine's disk" },
];

const kernel: Need = {
  commands: [],
  debian: "linux-image-cloud-amd64",
  fedora: "kernel-core",
  why: "the kernel's own Open vSwitch datapath, bonds and VLANs",
};

/** What the virtual machine is made of; all of it is made once and kept below the cache. */
export interface Parts {
  readonly env: ToolEnv;
  readonly firmware: readonly string[];
  readonly kernel: string;
  /** A root file system without the agent. */
  readonly disk: string;
  /** The programs of the initial memory disk, to which each run adds its files. */
  readonly early: string;
}

/** What the kernel needs until it sees its disk, in the order in which it is loaded. */
const earlyModules = [
  "drivers/virtio/virtio_ring",
  "drivers/virtio/virtio",
  "drivers/virtio/virtio_pci_modern_dev",
  "drivers/virtio/virtio_pci_legacy_dev",
  "drivers/virtio/virtio_pci",
  "drivers/block/virtio_blk",
];

/** Of the boot lane's root: what a machine without Docker and systemd does without. */
const unused = [
  "usr/lib/systemd",
  "usr/lib/python3*",
  "usr/share",
  "usr/bin/docker*",
  "usr/bin/containerd*",
  "usr/bin/ctr",
  "usr/sbin/dockerd",
  "usr/sbin/runc",
  "usr/bin/perl*",
  "var/cache",
  "var/lib/apt",
  "var/lib/dpkg",
];
const kept = ["openvswitch"];

/** Why QEMU or the kernel cannot be had here; they are got by this. */
export async function lacksParts(say: Say): Promise<string | undefined> {
  try {
    await hostTools(say, qemu);
    await unpacked([kernel], say);
    return undefined;
  } catch (error) {
    return `it cannot get QEMU and a kernel: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export async function vmParts(say: Say): Promise<Parts> {
  const env = await hostTools(say, qemu);
  const packages = await unpacked([kernel], say);
  const base = await baseRoot(await bootTools(say), say);
  const [release = ""] = await readdir(join(packages, "lib/modules"));
  const recipe = ["1", release, basename(packages), basename(base), process.version, ...unused, ...kept].join("\n");
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "devcloud-agent", "vm");
  const folder = join(cache, createHash("sha256").update(recipe).digest("hex").slice(0, 12));
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true });
    await withLock(cache, async () => {
      if (existsSync(folder)) return;
      say(`vm: making the machine's disk in ${folder}`);
      await makeParts(folder, base, packages, release, env);
    });
  }
  // QEMU looks for its firmware at its installed place only.
  const share = env.PATH.split(":")
    .map((path) => join(dirname(path), "share"))
    .find((path) => existsSync(join(path, "seabios")));
  return {
    env,
    firmware: share === undefined ? [] : [join(share, "qemu"), join(share, "seabios")],
    kernel: join(packages, "boot", `vmlinuz-${release}`),
    disk: join(folder, "root.ext4"),
    early: join(folder, "early"),
  };
}

async function makeParts(folder: string, base: string, packages: string, release: string, env: ToolEnv): Promise<void> {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  const root = join(partial, "root");
  const modules = join(root, "usr/lib/modules", release);
  await mkdir(partial, { recursive: true });
  // Hard links cost nothing; what they lead to is never written to.
  await must(["cp", "-al", base, root]);
  const share = join(root, "usr/share");
  for (const name of kept) await rename(join(share, name), join(partial, name));
  await must(["sh", "-c", `cd "$1" && rm -rf ${unused.join(" ")}`, "sh", root]);
  await mkdir(share);
  for (const name of kept) await rename(join(partial, name), join(share, name));
  await mkdir(dirname(modules), { recursive: true });
  await must(["cp", "-a", join(packages, "lib/modules", release), modules]);
  await must(["chroot", root, "depmod", release]);
  await cp(process.execPath, join(root, "usr/bin/node"));
  await makeEarly(join(partial, "early"), root, join(modules, "kernel"));
  const disk = join(partial, "root.ext4");
  await must(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, disk, "1200M"], {
    env: { ...process.env, ...env },
  });
  await rm(root, { recursive: true, force: true });
  await rename(partial, folder);
}

async function makeEarly(early: string, root: string, modules: string): Promise<void> {
  for (const name of ["bin", "modules", "dev", "proc", "root"]) await mkdir(join(early, name), { recursive: true });
  await cp(join(root, "usr/bin/busybox"), join(early, "bin/busybox"));
  for (const [index, name] of earlyModules.entries()) {
    await cp(join(modules, `${name}.ko`), join(early, "modules", `${index}-${basename(name)}.ko`));
  }
}

/** What a run lays over the root: places on the machine, and the files to copy there or their text. */
export interface Payload {
  readonly trees: Readonly<Record<string, string>>;
  readonly texts: Readonly<Record<string, string>>;
}

/** Packs the initial memory disk of one run into `file`. */
export async function packInitrd({ early }: Parts, { trees, texts }: Payload, file: string): Promise<void> {
  const folder = `${file}.tree`;
  await rm(folder, { recursive: true, force: true });
  await cp(early, folder, { recursive: true });
  const guest = join(import.meta.dirname, "guest");
  const copy = async (from: string, to: string) => await cp(from, join(folder, to), { recursive: true });
  await copy(join(guest, "init"), "init");
  await copy(join(guest, "inittab"), "payload/etc/inittab");
  for (const name of ["boot", "exec"]) await copy(join(guest, name), `payload/lane/${name}`);
  for (const [place, from] of Object.entries(trees)) await copy(from, join("payload", place));
  for (const [place, text] of Object.entries(texts)) {
    const at = join(folder, "payload", place);
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, text);
  }
  await chmod(join(folder, "init"), 0o755);
  await symlink("busybox", join(folder, "bin/sh"));
  const pack = 'cd "$1" && find . | "$2" cpio -o -H newc >"$3" 2>/dev/null';
  await must(["sh", "-c", pack, "sh", folder, join(early, "bin/busybox"), file]);
  await rm(folder, { recursive: true, force: true });
}
