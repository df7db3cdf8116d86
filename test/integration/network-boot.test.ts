import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Host } from "../lab/host.ts";
import {
  addressesOf,
  asDelivered,
  expectVerified,
  PRUNED,
  reconfigure,
  sharedLab,
  standing,
  stateFile,
  stateOf,
  tells,
} from "./network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;
const cutOff = { vlans: { management: PRUNED }, confirm: { deadline: "8s" } };
const flag = (): boolean => existsSync(join(host().root, "run/devcloud-agent/net-ready"));

test("at boot the last good network stands without a probe, with the same identities, and nothing is changed", async () => {
  // As ovs-ctl does at its first start.
  await host().vsctl("set", "Open_vSwitch", ".", "external_ids:system-id=drawn-by-ovs-ctl");
  await standing(host());
  const id = await host().vsctl("get", "Open_vSwitch", ".", "external_ids:system-id");
  expect(await readFile(join(host().root, "etc/openvswitch/system-id.conf"), "utf8")).toBe("drawn-by-ovs-ctl\n");
  const mac = await host().vsctl("get", "Interface", "mgmt0", "mac");
  await lab().prune(100);
  await host().reboot();
  const agent = host().startAgent();
  expect(await agent.event("ready")).toMatchObject({ degraded: false });
  await agent.event("net-ready");
  expect(flag()).toBe(true);
  await lab().allow(100);
  expect(await lab().reach(host().address)).toBe(true);
  expect(agent.lines.filter((line) => line.event === "change")).toEqual([]);
  expect(await host().vsctl("get", "Open_vSwitch", ".", "external_ids:system-id")).toBe(id);
  expect(await host().vsctl("get", "Interface", "mgmt0", "mac")).toBe(mac);
  expect(await host().vsctl("get-manager")).toBe("ptcp:6640:127.0.0.1");
  await expectVerified(host());
});

test("after a boot without an agent the rescue gives the host its address back", async () => {
  await restarted();
  await host().agent?.stop();
  await host().reboot();
  expect(await lab().reach(host().address)).toBe(false);
  const rescue = await host().exec(["sh", join(host().root, "var/lib/devcloud-agent/rescue.sh")]);
  expect(rescue).toMatchObject({ code: 0, stderr: "" });
  expect(await lab().reach(host().address)).toBe(true);
});

test("a change that another boot left pending is not tried again: last good network, hash remembered", async () => {
  const agent = await restarted();
  const mark = await reconfigure(host(), cutOff);
  await agent.event("change", "applied", { from: mark });
  await host().reboot();
  expect(await host().vsctl("get", "Port", "mgmt0", "tag")).toBe(String(PRUNED));
  const next = host().startAgent();
  await next.event("net-ready");
  await next.waitFor(tells("E_NETWORK_ROLLED_BACK"));
  expect(await lab().reach(host().address)).toBe(true);
  expect(JSON.stringify(stateOf(host(), "failed"))).toContain("interrupted by a reboot");
  expect(stateOf(host(), "pending")).toBeUndefined();
  await reconfigure(host(), null);
});

describe("a disk that is full at a boot", () => {
  const folder = (): string => join(host().root, "var/lib/devcloud-agent");
  const inHost = (command: string): Promise<unknown> => host().exec(["sh", "-c", command]);

  /** The state as it is, on a small disk without any room. Ends what it did, with what was written meanwhile. */
  async function full(): Promise<{ free(): Promise<unknown> }> {
    const kept = `${folder()}-kept`;
    await inHost(`cp -a ${folder()} ${kept} && busybox mount -t tmpfs -o size=256k,mode=0700 tmpfs ${folder()}`);
    await inHost(`cp -a ${kept}/. ${folder()}; cat /dev/zero >${folder()}/filler`);
    onTestFinished(async () => {
      await host().agent?.stop("SIGKILL");
      await inHost(`rm -r ${kept} && cp -a ${folder()} ${kept} && busybox umount ${folder()}`);
      await inHost(`cp -a ${kept}/. ${folder()} && rm -r ${kept}`);
      await rm(stateFile(host(), "pending"), { force: true });
      await rm(stateFile(host(), "confirmed"), { force: true });
      await reconfigure(host(), null);
    });
    return { free: () => inHost(`rm ${folder()}/filler`) };
  }

  test("keeps no host from its last good network when a change was interrupted by that boot", async () => {
    const agent = await restarted();
    const mark = await reconfigure(host(), { ...cutOff, confirm: { deadline: "9s" } });
    await agent.event("change", "applied", { from: mark });
    await host().reboot();
    const disk = await full();
    const next = host().startAgent();
    await next.event("net-ready");
    await next.waitFor(tells("E_FILE_IO"));
    expect(await host().vsctl("get", "Port", "mgmt0", "tag")).toBe("100");
    expect(await lab().reach(host().address)).toBe(true);
    await disk.free();
    await next.waitFor(tells("E_NETWORK_ROLLED_BACK"));
    expect(await lab().reach(host().address)).toBe(true);
  });

  test("keeps no host from a network that was confirmed, and not written down, before it", async () => {
    const agent = await restarted();
    const mark = await reconfigure(host(), { vlans: { extra: 125 }, confirm: { by: "operator", deadline: "60s" } });
    await agent.event("change", "verified", { from: mark });
    await host().reboot();
    await rename(stateFile(host(), "pending"), stateFile(host(), "confirmed"));
    await host().vsctl("remove", "Port", "bond0", "trunks", "125");
    const disk = await full();
    const next = host().startAgent();
    await next.event("net-ready");
    await next.waitFor(tells("E_FILE_IO"));
    expect(await host().vsctl("get", "Port", "bond0", "trunks")).toContain("125");
    expect(await lab().reach(host().address)).toBe(true);
    await disk.free();
    await next.event("change", "confirmed");
    await expectVerified(host());
  });
});

test("without carrier on any NIC the address is kept, READY comes with the budget and net-ready with the cable", async () => {
  await host().agent?.stop("SIGKILL");
  await reconfigure(host(), null, { timing: { boot_budget: "2s" } });
  for (const nic of ["em1", "em2"]) await lab().cut(host(), nic);
  await host().reboot();
  const agent = host().startAgent();
  await agent.waitFor(tells("E_NIC_NO_CARRIER"));
  expect(await agent.event("ready")).toMatchObject({ degraded: true });
  expect(flag()).toBe(false);
  expect(await addressesOf(host(), "mgmt0")).toContain(host().address);
  const cfg = await host().vsctl("get", "Open_vSwitch", ".", "next_cfg");
  await host().cli("network", "plan");
  expect(await host().vsctl("get", "Open_vSwitch", ".", "next_cfg")).toBe(cfg);
  await lab().mend(host(), "em2");
  await agent.event("net-ready");
  expect(flag()).toBe(true);
  expect(await lab().reach(host().address)).toBe(true);
  await lab().mend(host(), "em1");
});

test("with Open vSwitch dead READY comes with the budget, and the network as soon as it runs", async () => {
  await host().agent?.stop("SIGKILL");
  await host().reboot({ ovs: false });
  const agent = host().startAgent();
  await agent.waitFor(tells("E_OVSDB_UNREACHABLE"));
  expect(await agent.event("ready")).toMatchObject({ degraded: true });
  expect(flag()).toBe(false);
  const status = await host().cli("status", "--json");
  expect(status.code).toBe(1);
  expect(JSON.parse(status.stdout)).toMatchObject({ ready: "degraded" });
  await host().startOvs();
  await agent.event("net-ready");
  expect(await lab().reach(host().address)).toBe(true);
});

test("a database that was replaced by an empty one is filled again from the last good network", async () => {
  const agent = await restarted();
  await agent.stop("SIGKILL");
  await host().stopOvs();
  await rm(join(host().root, "var/lib/openvswitch/conf.db"));
  await host().reboot();
  const next = host().startAgent();
  await next.event("net-ready");
  expect(await lab().reach(host().address)).toBe(true);
  await expectVerified(host());
});

test("state that cannot be read is kept aside and told, and the host goes on from its configuration", async () => {
  await host().agent?.stop("SIGKILL");
  const whole = await readFile(stateFile(host(), "last-good"), "utf8");
  await writeFile(stateFile(host(), "last-good"), whole.slice(0, 100));
  await writeFile(stateFile(host(), "pending"), "\u0000\u0000\u0000");
  await writeFile(stateFile(host(), "failed"), whole.replace('"version":1', '"version":7'));
  await host().reboot();
  const agent = host().startAgent();
  await agent.event("net-ready");
  await expect.poll(() => stateOf(host(), "last-good")).toBeDefined();
  const problems = agent.lines.filter((line) => JSON.stringify(line).includes("E_STATE_UNREADABLE"));
  expect(problems.length).toBeGreaterThanOrEqual(3);
  const kept = (await readdir(dirname(stateFile(host(), "failed")))).filter((name) => name.endsWith(".unreadable"));
  expect(kept.toSorted()).toEqual(["failed.json.unreadable", "last-good.json.unreadable", "pending.json.unreadable"]);
  expect(await lab().reach(host().address)).toBe(true);
});

test("a host with one NIC missing boots on the other, and takes the missing one when it comes", async () => {
  await host().agent?.stop("SIGKILL");
  await host().reboot({ ovs: false });
  await host().exec(["ip", "link", "set", "em2", "name", "gone0"]);
  await host().startOvs();
  const agent = host().startAgent();
  await agent.event("net-ready");
  await agent.waitFor(tells("E_NIC_MISSING"));
  expect(await lab().reach(host().address)).toBe(true);
  const mark = agent.mark();
  await host().exec(["ip", "link", "set", "gone0", "name", "em2"]);
  await agent.waitFor((line) => line.event === "problems" && line.count === 0, { from: mark });
  await lab().cut(host(), "em1");
  await using ping = lab().ping(host().address);
  await ping.answered();
  await lab().mend(host(), "em1");
});

test("the system-id of the file is kept on a host that is new, and a silent gateway is probed until it answers", async () => {
  await asDelivered(lab(), host());
  const file = join(host().root, "etc/openvswitch/system-id.conf");
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, "of-this-machine\n");
  await lab().prune(100);
  const agent = host().startAgent();
  await agent.waitFor(tells("E_NETWORK_UNCONFIRMED"));
  expect(flag()).toBe(false);
  expect(stateOf(host(), "last-good")).toBeUndefined();
  await lab().allow(100);
  await agent.event("net-ready");
  expect(await lab().reach(host().address)).toBe(true);
  expect(await host().vsctl("get", "Open_vSwitch", ".", "external_ids:system-id")).toBe("of-this-machine");
  expect(await readFile(file, "utf8")).toBe("of-this-machine\n");
});

async function restarted() {
  await host().agent?.stop("SIGKILL");
  await host().writeConfig("60-test.yaml", { version: 1 }, "override");
  return standing(host());
}
