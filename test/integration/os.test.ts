import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { OperatingSystem } from "../../agent/os/os.ts";
import { openDeployments } from "../../agent/system/deployments.ts";
import type { Status } from "../../agent/web/status.ts";
import { must, run } from "../lab/command.ts";
import { createLab } from "../lab/lab.ts";
import { ostreeTools } from "../system/tools.ts";
import { answers } from "../unit/os/answers.ts";

const main = join(import.meta.dirname, "../../agent/main.ts");

describe("the deployments of a host", () => {
  let sysroot = "";
  let env: NodeJS.ProcessEnv = {};
  const before = { ...process.env };
  const ostree = async (...args: readonly string[]) => (await must(["ostree", ...args], { env })).trim();

  beforeAll(async () => {
    env = { ...process.env, ...(await ostreeTools()), LC_ALL: "C" };
    sysroot = await mkdtemp(join(tmpdir(), "devcloud-os-"));
    // The adapter runs programs with the environment of its process.
    process.env.PATH = env.PATH;
    if (env.LD_LIBRARY_PATH !== undefined) process.env.LD_LIBRARY_PATH = env.LD_LIBRARY_PATH;
  });

  afterAll(async () => {
    process.env = before;
    // ostree makes deployments immutable where it can.
    await run(["chattr", "-R", "-i", join(sysroot, "ostree/deploy")]);
    await rm(sysroot, { recursive: true, force: true });
  });

  /** A tree that ostree takes for a system: a kernel, /usr/etc, and the links into /var. */
  async function makeTree(version: string): Promise<string> {
    const tree = join(sysroot, "tree");
    await rm(tree, { recursive: true, force: true });
    const modules = join(tree, "usr/lib/modules/6.1.0");
    for (const folder of [modules, join(tree, "usr/etc"), join(tree, "var"), join(tree, "sysroot")]) {
      await mkdir(folder, { recursive: true });
    }
    await writeFile(join(tree, "usr/etc/os-release"), `ID=devcloud\nVERSION_ID=${version}\n`);
    await mkdir(join(tree, "usr/lib"), { recursive: true });
    await writeFile(join(tree, "usr/lib/os-release"), `ID=devcloud\nVERSION_ID=${version}\n`);
    for (const name of ["vmlinuz", "initramfs.img"]) await writeFile(join(modules, name), `${name} ${version}\n`);
    await symlink("sysroot/ostree", join(tree, "ostree"));
    return tree;
  }

  async function deploy(version: string): Promise<string> {
    const repo = join(sysroot, "ostree/repo");
    const tree = await makeTree(version);
    const commit = ["commit", `--repo=${repo}`, "--branch=devcloud/host", `--tree=dir=${tree}`];
    const checksum = await ostree(...commit, `--add-metadata-string=version=${version}`, "--subject", version);
    await ostree("admin", "deploy", `--sysroot=${sysroot}`, "--os=devcloud", "devcloud/host");
    return checksum;
  }

  test("are read from a real ostree sysroot, and again after the next deploy", { timeout: 120_000 }, async () => {
    const os = new OperatingSystem(openDeployments(sysroot));
    const pass = () => os.reconcile(new AbortController().signal, () => undefined);
    await pass();
    expect(os.view).toMatchObject({ state: "absent" });

    await ostree("admin", "init-fs", sysroot);
    await ostree("admin", "os-init", `--sysroot=${sysroot}`, "devcloud");
    await ostree("config", `--repo=${join(sysroot, "ostree/repo")}`, "set", "sysroot.bootloader", "none");
    await pass();
    expect(os.view).toEqual({ state: "known", deployments: { source: "ostree", deployments: [] } });

    const first = await deploy("1.0");
    await pass();
    const kept = { role: "kept", stateroot: "devcloud", origin: "devcloud/host", pinned: false, locked: false };
    const listed = (checksum: string, version: string) => ({ ...kept, checksum, version });
    expect(os.view).toEqual({
      state: "known",
      deployments: { source: "ostree", deployments: [listed(first, "1.0")] },
    });
    const second = await deploy("2.0");
    await pass();
    expect(os.view).toMatchObject({
      deployments: { deployments: [listed(second, "2.0"), listed(first, "1.0")] },
    });

    const shown = await run([process.execPath, main, "--root", sysroot, "os", "status"], { env });
    expect(shown.code, shown.stderr).toBe(0);
    expect(shown.stdout).toContain(`2.0 (${second.slice(0, 12)}) from devcloud/host`);
    expect(shown.stdout).toContain("none of them runs now");
    const json = await run([process.execPath, main, "--root", sysroot, "os", "status", "--json"], { env });
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: "devcloud-agent/os/v1", state: "known", problems: [] });
  });

  test("are read again when a staged one is locked or no longer", async () => {
    const root = await mkdtemp(join(tmpdir(), "devcloud-os-"));
    onTestFinished(() => rm(root, { recursive: true }));
    await mkdir(join(root, "ostree/deploy"), { recursive: true });
    await mkdir(join(root, "run/ostree"), { recursive: true });
    const { stamp } = openDeployments(root);
    const before = await stamp();
    await writeFile(join(root, "run/ostree/staged-deployment-locked"), "");
    expect((await stamp())?.text).not.toBe(before?.text);
    await rm(join(root, "run/ostree/staged-deployment-locked"));
    expect(await stamp()).toEqual(before);
  });

  test("are in the status of the daemon; a host that has none says so and is sound", async () => {
    const lab = await createLab({ say: () => undefined });
    onTestFinished(() => lab.down());
    const { host } = lab;
    await host.writeConfig("50-host.yaml", host.config());
    const agent = host.startAgent();
    await agent.event("net-ready");
    const view = async () => {
      const { stdout } = await host.cli("status", "--json");
      return stdout === "" ? undefined : (JSON.parse(stdout) as Status).os;
    };
    const absent = { view: { state: "absent", reason: "this host has no ostree deployments" }, problems: [] };
    await expect.poll(view, { timeout: 20_000 }).toEqual(absent);
    const told = await host.cli("status");
    expect(told.stdout).toContain("os         no deployments: this host has no ostree deployments");
    // A sysroot that ostree cannot read: told, and the network does not care.
    await mkdir(join(host.root, "ostree/deploy"), { recursive: true });
    await expect.poll(async () => (await view())?.problems[0]?.code, { timeout: 30_000 }).toBe("E_OS_STATUS");
    expect(await lab.reach(host.address)).toBe(true);
  });

  describe("with a stand-in for rpm-ostree, which no Debian has", () => {
    let bin = "";
    const standIn = async (script: string) => {
      await writeFile(join(bin, "rpm-ostree"), `#!/bin/sh\n${script}\n`);
      await chmod(join(bin, "rpm-ostree"), 0o755);
    };
    const read = (timeoutMs?: number) => openDeployments("/", timeoutMs).read(AbortSignal.timeout(30_000));

    beforeAll(async () => {
      bin = await mkdtemp(join(tmpdir(), "devcloud-bin-"));
      process.env.PATH = `${bin}:${process.env.PATH}`;
      await writeFile(join(bin, "container.json"), answers.container);
    });
    afterAll(() => rm(bin, { recursive: true, force: true }));

    test("its answer is the one that counts, however long", async () => {
      await standIn(`[ "$*" = "status --json" ] && exec cat ${bin}/container.json`);
      expect(await read()).toEqual({ tool: "rpm-ostree", text: answers.container });
    });

    test.each(["exec sleep 600", "sleep 600"])("that hangs is ended after its time: %s", async (script) => {
      await standIn(script);
      await expect(read(300)).rejects.toMatchObject({ code: "E_TOOL_TIMEOUT" });
    });

    test("that hangs is told while it does, and the agent stops all the same", { timeout: 60_000 }, async () => {
      const lab = await createLab({ say: () => undefined });
      onTestFinished(() => lab.down());
      const { host } = lab;
      await host.writeConfig("50-host.yaml", host.config());
      await mkdir(join(host.root, "ostree/deploy"), { recursive: true });
      await standIn("sleep 600");
      const agent = host.startAgent({ env: { PATH: `${bin}:${host.env.PATH}` } });
      await agent.event("ready");
      const told = async () => {
        const { stdout } = await host.cli("status", "--json");
        return stdout === "" ? undefined : (JSON.parse(stdout) as Partial<Status>).os?.problems[0]?.message;
      };
      await expect.poll(told, { timeout: 30_000 }).toContain("has not answered for");
      await agent.stop();
    });

    test("that fails is quoted", async () => {
      await standIn("echo 'error: Transaction in progress' >&2; exit 1");
      await expect(read()).rejects.toMatchObject({
        code: "E_OS_STATUS",
        message: expect.stringContaining("Transaction in progress") as string,
      });
    });

    test("and one that is stopped with its caller leaves nothing behind", async () => {
      await standIn(`echo $$ >${bin}/pid; exec sleep 600`);
      const stop = new AbortController();
      const reading = openDeployments("/").read(stop.signal);
      const pid = async () => (await run(["cat", `${bin}/pid`])).stdout.trim();
      while ((await pid()) === "") await delay(20);
      stop.abort(new Error("stopped"));
      await expect(reading).rejects.toThrow("stopped");
      expect((await run(["kill", "-0", await pid()])).code).not.toBe(0);
    });
  });
});
