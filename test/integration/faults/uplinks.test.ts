import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Status } from "../../../agent/web/status.ts";
import type { AgentProcess, LogLine } from "../../lab/agent.ts";
import type { Host } from "../../lab/host.ts";
import { asDelivered, reconfigure, sharedLab, standing, stateOf, tells } from "../network-lab.ts";

const lab = sharedLab({ hosts: 2 });

beforeEach(async () => {
  for (const host of lab().hosts) await asDelivered(lab(), host);
});

async function activeNic(host: Host): Promise<string> {
  const mac = await host.vsctl("get", "Port", "bond0", "bond_active_slave");
  return mac.includes(host.nics[0].mac) ? "em1" : "em2";
}

function other(nic: string): string {
  return nic === "em1" ? "em2" : "em1";
}

/** A host that knows a neighbour of its own management network which answers, so that there is somebody to ask. */
async function neighbourly(): Promise<{ host: Host; agent: AgentProcess }> {
  const [host, neighbour] = lab().hosts;
  if (host === undefined || neighbour === undefined) throw new Error("the lab has two hosts");
  await standing(neighbour);
  const agent = await standing(host);
  await host.exec(["ping", "-c", "1", "-W", "2", neighbour.address]);
  await expect.poll(() => witnesses(host), { timeout: 20_000 }).toEqual([neighbour.address]);
  return { host, agent };
}

async function witnesses(host: Host): Promise<readonly string[]> {
  const { stdout } = await host.cli("status", "--json");
  return (JSON.parse(stdout) as Status).network.uplinks?.witnesses ?? [];
}

async function policy(host: Host, agent: AgentProcess, network: Parameters<typeof reconfigure>[1]): Promise<void> {
  const mark = await reconfigure(host, network);
  await agent.waitFor(({ event, step }) => event === "change" && step === "confirmed", { from: mark });
}

test("a member whose fabric is dead behind a live carrier is left within seconds, where the configuration says switch", async () => {
  const { host, agent } = await neighbourly();
  await policy(host, agent, { gray_failure: "switch" });
  const dead = await activeNic(host);
  const ping = lab().ping(host.address);
  await ping.answered(50);
  const mark = agent.mark();
  await lab().cut(host, dead, { loseCarrier: false });
  const gray = await agent.waitFor(({ event }) => event === "gray", { from: mark });
  expect(gray).toMatchObject({ from: dead, to: other(dead), healed: true });
  await ping.answered();
  await ping.stop();
  const moved = await agent.waitFor(({ event }) => event === "failover", { from: mark });
  expect(moved).toMatchObject({ from: dead, to: other(dead), cause: "gray" });
  // Drift repair knows of the move: the next passes leave it where it is.
  expect(stateOf(host, "avoid")).toMatchObject({ nics: [{ nic: dead, why: "deaf" }] });
  expect(await host.vsctl("get", "Port", "bond0", "other_config:bond-primary")).toContain(other(dead));
  await lab().mend(host, dead);
  expect((await host.cli("network", "undrain", dead)).code).toBe(0);
  expect(stateOf(host, "avoid")).toEqual({ nics: [] });
  process.stdout.write(`gray failure: the gateway was silent for ${String(gray.silentMs)} ms\n`);
});

test("a member that was found dead once and works again is gone back to when the other one dies, without a person", async () => {
  const { host, agent } = await neighbourly();
  const mark = await reconfigure(host, { gray_failure: "switch" }, { timing: { uplink_move: "2s" } });
  await agent.waitFor(({ event, step }) => event === "change" && step === "confirmed", { from: mark });
  const first = await activeNic(host);
  await lab().cut(host, first, { loseCarrier: false });
  await agent.waitFor(({ event, to, healed }) => event === "gray" && to === other(first) && healed === true, {
    from: mark,
  });
  await lab().mend(host, first);
  await using ping = lab().ping(host.address);
  await ping.answered();
  await lab().cut(host, other(first), { loseCarrier: false });
  await ping.silent(500);
  await ping.answered();
  expect(await activeNic(host)).toBe(first);
  expect(stateOf(host, "avoid")).toMatchObject({ nics: [{ nic: other(first), why: "deaf" }] });
});

test("a dead fabric is left for the preferred member also where the bond is not to go back by itself, and then it stays there", async () => {
  const { host, agent } = await neighbourly();
  await policy(host, agent, {
    gray_failure: "switch",
    bond: { primary: "em2", failback: "never", updelay: "0s" },
  });
  await lab().cut(host, "em2");
  await expect.poll(() => activeNic(host)).toBe("em1");
  await lab().mend(host, "em2");
  await using ping = lab().ping(host.address);
  await ping.answered(50);
  const mark = agent.mark();
  await lab().cut(host, "em1", { loseCarrier: false });
  const gray = await agent.waitFor(({ event }) => event === "gray", { from: mark });
  expect(gray).toMatchObject({ from: "em1", to: "em2", healed: true });
  await ping.answered();
  expect(await activeNic(host)).toBe("em2");
  await lab().mend(host, "em1");
  expect((await host.cli("network", "undrain", "em1")).code).toBe(0);
  expect((await host.cli("network", "drain", "em2", "--for", "1h")).code).toBe(0);
  expect(await activeNic(host)).toBe("em1");
  expect((await host.cli("network", "undrain", "em2")).code).toBe(0);
  expect(await host.vsctl("get", "Port", "bond0", "other_config")).not.toContain("bond-primary");
  expect(await activeNic(host)).toBe("em1");
});

test("a dead fabric is left also while the disk is read-only, which is told until it can be written down", async () => {
  const { host, agent } = await neighbourly();
  await policy(host, agent, { gray_failure: "switch" });
  const dead = await activeNic(host);
  const folder = join(host.root, "var/lib/devcloud-agent");
  // Read-only before it is in place: what the agent is writing would keep it from becoming so.
  const script = `mkdir -p "$0-ro" && mount -o bind "$0" "$0-ro" && mount -o remount,bind,ro "$0-ro" && mount -o bind "$0-ro" "$0"`;
  expect((await host.exec(["sh", "-c", script, folder])).code).toBe(0);
  // Lazily, because the agent looks into the folder at any time.
  const writable = () => host.exec(["umount", "-l", folder]);
  onTestFinished(async () => {
    await writable();
    await host.exec(["umount", "-l", `${folder}-ro`]);
  });
  await using ping = lab().ping(host.address);
  await ping.answered(50);
  const mark = agent.mark();
  await lab().cut(host, dead, { loseCarrier: false });
  const gray = await agent.waitFor(({ event }) => event === "gray", { from: mark });
  expect(gray).toMatchObject({ from: dead, to: other(dead), healed: true });
  await ping.answered();
  await agent.waitFor((line) => JSON.stringify(line).includes("kept off is not written down"), { from: mark });
  expect(stateOf(host, "avoid")).toBeUndefined();
  expect((await writable()).code).toBe(0);
  await expect.poll(() => stateOf(host, "avoid"), { timeout: 20_000 }).toMatchObject({ nics: [{ nic: dead }] });
  expect(await activeNic(host)).toBe(other(dead));
  await lab().mend(host, dead);
});

test("by default a dead fabric is told and nothing is moved", async () => {
  const { host, agent } = await neighbourly();
  const dead = await activeNic(host);
  const mark = agent.mark();
  await lab().cut(host, dead, { loseCarrier: false });
  await agent.waitFor(tells("E_UPLINK_DEAF"), { from: mark });
  expect(await activeNic(host)).toBe(dead);
  await lab().mend(host, dead);
  await agent.waitFor(({ event, count }: LogLine) => event === "problems" && count === 0, { from: mark });
});

test("a gateway that is dead is not taken for a dead uplink while a neighbour answers", async () => {
  const { host, agent } = await neighbourly();
  await policy(host, agent, { gray_failure: "switch" });
  const active = await activeNic(host);
  const mark = agent.mark();
  await lab().gateway("ip", "link", "set", "vlan100", "down");
  try {
    await agent.waitFor(tells("E_GATEWAY_SILENT"), { from: mark });
    expect(await activeNic(host)).toBe(active);
    expect(stateOf(host, "avoid")).toBeUndefined();
  } finally {
    await lab().gateway("ip", "link", "set", "vlan100", "up");
  }
  await agent.waitFor(({ event, count }: LogLine) => event === "problems" && count === 0, { from: mark });
});

test("a gateway that is dead is not taken for a dead uplink while all that the kernel knew besides is long off", async () => {
  const { host, agent } = await neighbourly();
  await policy(host, agent, { gray_failure: "switch" });
  const [, neighbour] = lab().hosts;
  await neighbour?.agent?.stop("SIGKILL");
  await neighbour?.powerOff();
  onTestFinished(() => neighbour?.powerOn());
  await expect.poll(() => witnesses(host), { timeout: 30_000 }).toEqual([]);
  // The entry of who is off is kept by the kernel for as long as there is room.
  expect((await host.exec(["ip", "neighbour", "show", "dev", "mgmt0"])).stdout).toContain(neighbour?.address);
  const active = await activeNic(host);
  const mark = agent.mark();
  await lab().gateway("ip", "link", "set", "vlan100", "down");
  try {
    await agent.waitFor(tells("E_GATEWAY_SILENT"), { from: mark });
    expect(await activeNic(host)).toBe(active);
    expect(stateOf(host, "avoid")).toBeUndefined();
  } finally {
    await lab().gateway("ip", "link", "set", "vlan100", "up");
  }
  await agent.waitFor(({ event, count }: LogLine) => event === "problems" && count === 0, { from: mark });
});

test("a silent gateway that cannot be judged is said to be that in status and metrics", async () => {
  const { host } = await neighbourly();
  expect((await host.cli("maintenance", "on", "--for", "1h")).code).toBe(0);
  await host.vsctl("set", "Port", "mgmt0", "tag=105");
  const gray = async (): Promise<string> =>
    JSON.stringify((JSON.parse((await host.cli("status", "--json")).stdout) as Status).network.uplinks?.gray);
  await expect.poll(gray, { timeout: 10_000 }).toMatch(/"unwatched".*port mgmt0/);
  expect((await host.cli("status")).stdout).toContain("is silent, and no uplink is blamed: the way to it");
  const metrics = await host.exec(["curl", "-s", "http://127.0.0.1:9464/metrics"]);
  expect(metrics.stdout).toContain('\ndevcloud_uplink_watch_state{state="unwatched"} 1\n');
  expect((await host.cli("maintenance", "off")).code).toBe(0);
  await expect.poll(gray, { timeout: 20_000 }).toContain('"alive"');
});

test("where both members are deaf the bond moves once, and then stays", async () => {
  const { host, agent } = await neighbourly();
  await policy(host, agent, { gray_failure: "switch" });
  const first = await activeNic(host);
  const mark = agent.mark();
  await Promise.all(["em1", "em2"].map((nic) => lab().cut(host, nic, { loseCarrier: false })));
  const gray = await agent.waitFor(({ event }) => event === "gray", { from: mark });
  expect(gray).toMatchObject({ from: first, to: other(first), healed: false });
  await agent.waitFor((line) => tells("E_UPLINK_DEAF")(line) && JSON.stringify(line).includes("as deaf"), {
    from: mark,
  });
  expect(await activeNic(host)).toBe(other(first));
  await Promise.all(["em1", "em2"].map((nic) => lab().mend(host, nic)));
  await agent.waitFor(({ event, count }: LogLine) => event === "problems" && count === 0, { from: mark });
  expect(await activeNic(host)).toBe(other(first));
});

test("a NIC that is drained carries nothing while the other works, over a restart too, until it is undrained", async () => {
  const { host, agent } = await neighbourly();
  const nic = await activeNic(host);
  const mark = agent.mark();
  const drained = await host.cli("network", "drain", nic, "--for", "1h");
  expect([drained.code, drained.stdout]).toEqual([0, expect.stringContaining(`kept off ${nic} until`)]);
  expect(await activeNic(host)).toBe(other(nic));
  await agent.waitFor(tells("E_NIC_DRAINED"), { from: mark });
  expect(await agent.waitFor(({ event }) => event === "failover", { from: mark })).toMatchObject({ cause: "drain" });
  const refused = await host.cli("network", "drain", other(nic), "--for", "1h");
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining("no other member")]);
  await agent.stop();
  const again = await standing(host);
  await again.waitFor(tells("E_NIC_DRAINED"));
  expect(await activeNic(host)).toBe(other(nic));
  // If the only other one fails, a drained NIC is better than none.
  const back = again.mark();
  await lab().cut(host, other(nic));
  expect(await again.waitFor(({ event }) => event === "failover", { from: back })).toMatchObject({
    to: nic,
    cause: "carrier",
  });
  await lab().mend(host, other(nic));
  expect((await host.cli("network", "undrain", nic)).stdout).toContain("may use");
  expect((await host.cli("network", "undrain", nic)).stdout).toContain("Nothing kept");
});

test("a drain ends by itself when its time is over", async () => {
  const { host, agent } = await neighbourly();
  const nic = await activeNic(host);
  const mark = agent.mark();
  await host.cli("network", "drain", nic, "--for", "3s");
  await agent.waitFor(({ event, why }) => event === "undrain" && why === "drained", { from: mark });
  await agent.waitFor(({ event, count }: LogLine) => event === "problems" && count === 0, { from: mark });
  expect(await host.vsctl("get", "Port", "bond0", "other_config")).not.toContain("bond-primary");
});

test("a link that comes and goes is told as one, and a preferred member is not gone back to while it does", async () => {
  const { host, agent } = await neighbourly();
  const begun = await reconfigure(
    host,
    { bond: { primary: "em1", updelay: "0s" } },
    { timing: { uplink_flap_hold: "4s" } },
  );
  await agent.waitFor(({ event, step }) => event === "change" && step === "confirmed", { from: begun });
  const mark = agent.mark();
  for (let time = 0; time < 4; time += 1) {
    const from = agent.mark();
    await lab().cut(host, "em1");
    if (time < 3) await agent.waitFor(({ event, to }) => event === "failover" && to === "em2", { from });
    await lab().mend(host, "em1");
    if (time < 3) await agent.waitFor(({ event, to }) => event === "failover" && to === "em1", { from });
  }
  await agent.waitFor(tells("E_UPLINK_FLAPPING"), { from: mark });
  expect(stateOf(host, "avoid")).toMatchObject({ nics: [{ nic: "em1", why: "flapping" }] });
  expect(await activeNic(host)).toBe("em2");
  await agent.waitFor(({ event, why }) => event === "undrain" && why === "flapping", { from: mark });
  await expect.poll(async () => await activeNic(host), { timeout: 20_000 }).toBe("em1");
});
