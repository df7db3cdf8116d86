import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AgentProcess } from "../lab/agent.ts";
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

/** A change that is right: another address on another VLAN. */
const storage = { addresses: { stor0: { vlan: "storage", ipv4: ["10.1.5.11/24"] } } };
/** A change that cuts the host off: the fabrics prune this VLAN. */
const cutOff = { vlans: { management: PRUNED }, confirm: { deadline: "3s" } };

/** The agent, followed by nothing but the host's own fragment: what an earlier test asked for is taken back. */
async function fresh(): Promise<AgentProcess> {
  await host().agent?.stop("SIGKILL");
  await host().writeConfig("60-test.yaml", { version: 1 }, "override");
  const agent = await standing(host());
  const done = async () => (await host().cli("network", "plan")).code === 0 && stateOf(host(), "pending") === undefined;
  await expect.poll(done, { timeout: 20_000 }).toBe(true);
  return agent;
}

const tag = (): Promise<string> => host().vsctl("get", "Port", "mgmt0", "tag");

test("a change that keeps the host reachable is confirmed, and the next one counts on from it", async () => {
  const agent = await fresh();
  await using ping = lab().ping(host().address);
  await ping.answered();
  const mark = await reconfigure(host(), storage);
  await agent.event("change", "confirmed", { from: mark });
  expect(await lab().reach("10.1.5.11")).toBe(true);
  expect(stateOf(host(), "last-good")).toMatchObject({ config: { network: { addresses: { stor0: {} } } } });
  expect(stateOf(host(), "pending")).toBeUndefined();
  await ping.answered();
  // Only a trunk and a port came: the management address has nothing to do with it.
  expect((await ping.stop()).lost).toBeLessThanOrEqual(3);
});

test("a change that cuts the host off is rolled back, as the gateway sees it, and not tried again by itself", async () => {
  const agent = await fresh();
  await using ping = lab().ping(host().address);
  await ping.answered();
  const mark = await reconfigure(host(), cutOff);
  await agent.event("change", "applied", { from: mark });
  await ping.silent(300);
  await agent.event("change", "rolled-back", { from: mark });
  await ping.answered();
  expect(await tag()).toBe("100");
  expect(JSON.stringify(stateOf(host(), "failed"))).toContain("does not answer");
  const after = agent.mark();
  const apply = await host().cli("network", "apply", "--json");
  expect(apply.code).toBe(1);
  expect(apply.stdout).toContain("E_NETWORK_ROLLED_BACK");
  await agent.stop();
  const next = host().startAgent();
  await next.event("net-ready");
  await next.waitFor(tells("E_NETWORK_ROLLED_BACK"));
  expect([...agent.lines.slice(after), ...next.lines].filter((line) => line.event === "change")).toEqual([]);
});

test.each([
  ["the port follows", { bond: { mtu: 2000 } }, [2000, 2000, 2000]],
  ["the port has its own", { bond: { mtu: 2000 }, addresses: { mgmt0: { mtu: 1400 } } }, [2000, 2000, 1400]],
])(
  "a change of the MTU that is rolled back gives back that of NICs and port, where %s",
  async (_where, change, wide) => {
    const agent = await fresh();
    const mtus = async (): Promise<number[]> => {
      const { stdout } = await host().exec(["ip", "-json", "link", "show"]);
      const links = JSON.parse(stdout) as readonly { readonly ifname: string; readonly mtu: number }[];
      return ["em1", "em2", "mgmt0"].flatMap((name) =>
        links.filter(({ ifname }) => ifname === name).map(({ mtu }) => mtu),
      );
    };
    expect(await mtus()).toEqual([1500, 1500, 1500]);
    const mark = await reconfigure(host(), { ...cutOff, ...change });
    await agent.event("change", "applied", { from: mark });
    await expect.poll(mtus).toEqual(wide);
    await agent.event("change", "rolled-back", { from: mark });
    await expect.poll(mtus).toEqual([1500, 1500, 1500]);
    expect(await host().vsctl("get", "Interface", "em1", "mtu_request")).toBe("[]");
    expect(await host().vsctl("get", "Interface", "mgmt0", "mtu_request")).toBe("[]");
  },
);

test("a change that was rolled back is not applied because the record of the last good network is damaged", async () => {
  const agent = await fresh();
  const mark = await reconfigure(host(), { ...cutOff, ...storage });
  await agent.event("change", "rolled-back", { from: mark });
  await agent.stop();
  await writeFile(stateFile(host(), "last-good"), "damaged");
  await using ping = lab().ping(host().address);
  await ping.answered();
  const next = host().startAgent();
  await next.waitFor(tells("E_NETWORK_ROLLED_BACK"));
  await ping.answered(10);
  expect((await ping.stop()).lost).toBeLessThanOrEqual(3);
  expect(await tag()).toBe("100");
  expect(next.lines.filter((line) => line.event === "change")).toEqual([]);
});

test("a change that was rolled back is tried again when a person says so, and then it has not failed any more", async () => {
  const agent = await fresh();
  const moved = { vlan: "management", ipv4: ["10.1.30.11/24"], gateway: "10.1.30.1" };
  const mark = await reconfigure(host(), { ...cutOff, addresses: { mgmt0: moved } });
  const back = await agent.event("change", "rolled-back", { from: mark });
  expect(JSON.stringify(back)).toContain("10.1.30.1");
  await lab().allow(PRUNED);
  try {
    await expect
      .poll(async () => (await host().cli("network", "apply", "--retry")).code, { timeout: 20_000, interval: 200 })
      .toBe(0);
    expect((await host().cli("status")).code).toBe(0);
    expect(JSON.stringify(stateOf(host(), "failed"))).not.toContain("10.1.30.1");
  } finally {
    await lab().prune(PRUNED);
  }
});

test("a change before which no probe answers is refused, and with force kept only if one answers after it", async () => {
  const agent = await fresh();
  // The network that there is can ask nobody: its gateway is gone.
  await lab().gateway("ip", "link", "set", "vlan100", "down");
  try {
    const mark = await reconfigure(host(), { ...storage, confirm: { deadline: "3s" } });
    await agent.waitFor(tells("E_NETWORK_NO_PROBE"), { from: mark });
    const refused = await host().cli("network", "apply");
    expect([refused.code, refused.stdout]).toEqual([4, expect.stringContaining("E_NETWORK_NO_PROBE")]);
    expect(agent.lines.slice(mark).filter(({ event }) => event === "change")).toEqual([]);
    const forced = await host().cli("network", "apply", "--force");
    expect([forced.code, forced.stdout]).toEqual([1, expect.stringContaining("E_NETWORK_ROLLED_BACK")]);
  } finally {
    await lab().gateway("ip", "link", "set", "vlan100", "up");
  }
  await expect.poll(async () => (await host().cli("network", "apply", "--retry")).code, { timeout: 20_000 }).toBe(0);
  const history = await host().cli("network", "history");
  expect(history.stdout.split("\n")[0]).toContain("confirmed");
  expect(history.stdout).toContain("rolled-back: gateway 10.1.0.1 does not answer");
  expect(history.stdout).toContain("+ port stor0 on br-uplink on VLAN 105");
});

test("a login that is older than the change cannot confirm it, a newer one can", async () => {
  const agent = await fresh();
  const folder = await mkdtemp(join(tmpdir(), "login-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  // What sshd starts for a session, as far as the process table tells: its shell waits for the moment to speak.
  const sshd = join(folder, "sshd");
  await copyFile("/bin/sh", sshd);
  const go = join(folder, "go");
  await host().exec(["mkfifo", go]);
  const confirm = host().agentCommand("network", "confirm");
  const script = `read word <"$0"; "$@"; echo "code $?"`;
  const old = host().exec([sshd, "-c", script, go, ...confirm]);
  const mark = await reconfigure(host(), { ...storage, confirm: { by: "operator", deadline: "60s" } });
  await agent.event("change", "probe", { from: mark });
  await writeFile(go, "now\n");
  const { stdout, stderr } = await old;
  expect(stdout).toBe("code 4\n");
  expect(stderr).toContain("older than the change");
  const fresher = await host().exec([sshd, "-c", `"$@"; echo "code $?"`, "sshd", ...confirm]);
  expect(fresher.stdout).toContain("code 0");
  await agent.event("change", "confirmed", { from: mark });
});

test("a change waits for an operator where it is so configured", async () => {
  const agent = await fresh();
  const byOperator = { ...storage, confirm: { by: "operator", deadline: "60s" } };
  const mark = await reconfigure(host(), byOperator);
  await agent.event("change", "probe", { from: mark });
  expect((await host().cli("status", "--json")).stdout).toContain('"remainingMs"');
  expect((await host().cli("network", "rollback")).code).toBe(0);
  await agent.event("change", "rolled-back", { from: mark });
  const again = agent.mark();
  const applied = host().cli("network", "apply", "--retry");
  await agent.event("change", "probe", { from: again });
  expect((await host().cli("network", "confirm")).code).toBe(0);
  await agent.event("change", "confirmed", { from: again });
  expect((await applied).code).toBe(0);
  expect((await host().cli("network", "confirm")).code).toBe(1);
});

test("without the daemon an operator is told what waits for it, and a rollback has the exit code that it has with it", async () => {
  const agent = await fresh();
  const rollback = async (...flags: readonly string[]) => await host().cli("network", "rollback", ...flags);
  expect(await rollback()).toMatchObject({ code: 1, stdout: "No change is pending.\n" });
  const mark = await reconfigure(host(), { ...storage, confirm: { by: "operator", deadline: "60s" } });
  await agent.event("change", "probe", { from: mark });
  await agent.stop("SIGKILL");
  const waits = await host().cli("network", "confirm");
  expect(waits).toMatchObject({ code: 1, stdout: "" });
  expect(waits.stderr).toMatch(
    /^Change \S+ is pending, and the daemon does not run: start the daemon .*, then confirm\.\n$/,
  );
  expect(await rollback()).toMatchObject({ code: 0, stdout: expect.stringContaining("was taken back") as string });
  expect(await rollback()).toMatchObject({ code: 1, stdout: "No change is pending.\n" });
  // The dead-man is content where nothing is left to do.
  expect((await rollback("--pending")).code).toBe(0);
  expect(await host().cli("network", "confirm")).toMatchObject({ code: 1, stderr: "No change is pending.\n" });
});

test("a change that a starting daemon finds is confirmed by an operator while the daemon's first pass waits", async () => {
  await (await fresh()).stop();
  await reconfigure(host(), { ...storage, confirm: { by: "operator", deadline: "50s" } });
  const agent = host().startAgent();
  await agent.event("change", "probe");
  await expect.poll(async () => (await host().cli("network", "confirm")).code, { timeout: 15_000 }).toBe(0);
  await agent.event("change", "confirmed");
  expect(stateOf(host(), "last-good")).toMatchObject({ config: { network: { addresses: { stor0: {} } } } });
  expect(stateOf(host(), "pending")).toBeUndefined();
  expect(await lab().reach("10.1.5.11")).toBe(true);
});

test("a change that names a NIC which is not there shows in the plan, and is rolled back with the reason", async () => {
  const agent = await fresh();
  const mark = await reconfigure(host(), { nics: { em9: { fabric: "B" } }, bond: { members: ["em1", "em9"] } });
  const apply = await host().cli("network", "apply", "--json");
  expect(apply.code, apply.stdout + apply.stderr).toBe(1);
  expect(apply.stdout).toContain("E_NETWORK_ROLLED_BACK");
  const { reason } = await agent.event("change", "rolled-back", { from: mark });
  expect(reason).toContain("em9");
  const plan = await host().cli("network", "plan");
  expect(plan.code).toBe(3);
  expect(plan.stdout).toContain("E_NIC_MISSING");
  expect(plan.stdout).toContain("NIC em9 is not there");
  expect(await host().vsctl("list-ifaces", "br-uplink")).toMatch(/^em2$/m);
  expect(await lab().reach(host().address)).toBe(true);
});

test("an agent that is killed after applying leaves a dead-man that heals the host", async () => {
  const agent = await fresh();
  await using ping = lab().ping(host().address);
  await ping.answered();
  // Another deadline makes it another configuration than the one that failed before.
  const mark = await reconfigure(host(), { ...cutOff, confirm: { deadline: "3500ms" } });
  await agent.event("change", "verified", { from: mark });
  await agent.stop("SIGKILL");
  await ping.silent(300);
  await ping.answered();
  expect(await tag()).toBe("100");
  await expect.poll(() => stateOf(host(), "rolling-back")).toBeUndefined();
  expect(stateOf(host(), "pending")).toBeUndefined();
  const next = host().startAgent();
  await next.event("net-ready");
  await next.waitFor(tells("E_NETWORK_ROLLED_BACK"));
});

test("an agent that is killed after applying and started again goes on with the change and writes nothing", async () => {
  const agent = await fresh();
  const mark = await reconfigure(host(), { ...storage, confirm: { good: 5 } });
  await agent.event("change", "verified", { from: mark });
  await agent.stop("SIGKILL");
  const next = host().startAgent();
  await next.event("change", "confirmed");
  const steps = next.lines.filter((line) => line.event === "change").map((line) => line.step);
  expect(steps[0]).toBe("resumed");
  expect(steps).not.toContain("transaction");
  await next.event("net-ready");
  await expectVerified(host());
});

test("a change that is forced under a stopped vswitchd says so, and is rolled back once that goes on", async () => {
  const agent = await fresh();
  host().pauseOvs("vswitchd");
  // The durations of a change are those of its own configuration.
  const mark = await reconfigure(host(), storage, { timing: { apply_timeout: "1s" } });
  await agent.waitFor(tells("E_NETWORK_NO_PROBE"), { from: mark });
  const forced = host().cli("network", "apply", "--force");
  await agent.event("change", "committed", { from: mark });
  const told = await agent.waitFor(tells("E_OVS_NOT_APPLIED"), { from: mark });
  expect(JSON.stringify(told)).toContain("did not apply");
  host().resumeOvs("vswitchd");
  await agent.waitFor(tells("E_NETWORK_ROLLED_BACK"), { from: mark });
  expect(await host().vsctl("list-ports", "br-uplink")).not.toContain("stor0");
  expect((await forced).code).toBe(1);
  expect(await lab().reach(host().address)).toBe(true);
});

test("a NIC that something else uses is refused before anything is touched", async () => {
  const agent = await fresh();
  const link = ["ip", "link", "add", "em3", "type", "veth", "peer", "name", "em4"];
  await host().exec(link);
  await host().exec(["ip", "address", "add", "192.168.7.7/24", "dev", "em3"]);
  const before = await host().vsctl("show");
  const mark = await reconfigure(host(), {
    nics: { em3: { fabric: "A" } },
    bond: { members: ["em1", "em2", "em3"] },
  });
  const told = await agent.waitFor(tells("E_NETWORK_CONFLICT"), { from: mark });
  expect(JSON.stringify(told)).toContain("192.168.7.7/24");
  const apply = await host().cli("network", "apply");
  expect(apply.code).toBe(4);
  expect(await host().vsctl("show")).toBe(before);
  expect(stateOf(host(), "pending")).toBeUndefined();
  await host().exec(["ip", "link", "del", "em3"]);
});

test("without a daemon `network apply` does it all by itself: first network, good change, bad change", async () => {
  await asDelivered(lab(), host());
  const first = await host().cli("network", "apply");
  expect(`${first.code} ${first.stdout}`).toMatch(/^0 /);
  expect(await lab().reach(host().address)).toBe(true);
  await reconfigure(host(), storage);
  expect((await host().cli("network", "apply")).code).toBe(0);
  expect(await addressesOf(host(), "stor0")).toContain("10.1.5.11");
  await reconfigure(host(), { ...storage, ...cutOff });
  const bad = await host().cli("network", "apply");
  expect(`${bad.code} ${bad.stdout}`).toContain("E_NETWORK_ROLLED_BACK");
  expect(bad.code).toBe(1);
  expect(await tag()).toBe("100");
  expect(await lab().reach(host().address)).toBe(true);
  expect((await host().cli("network", "plan")).code).toBe(3);
});
