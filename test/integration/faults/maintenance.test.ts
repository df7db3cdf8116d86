import { beforeEach, describe, expect, test } from "vitest";
import type { AgentProcess, LogLine } from "../../lab/agent.ts";
import type { Host } from "../../lab/host.ts";
import { asDelivered, PRUNED, reconfigure, sharedLab, standing } from "../network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;
let agent: AgentProcess;

beforeEach(async () => {
  await asDelivered(lab(), host());
  agent = await standing(host());
  await agent.waitFor(({ event, on }) => event === "listening" && String(on).includes("127.0.0.1"));
});

const patched = (): Promise<string> => host().vsctl("get", "Port", "to-br-ex", "trunks");
const spoil = (): Promise<string> => host().vsctl("set", "Port", "to-br-ex", "trunks=110");
const isLeft = ({ event, left }: LogLine): boolean => event === "drift" && left === true;
const isOver = ({ event, state }: LogLine): boolean => event === "maintenance" && state === "off";

async function page(path: string): Promise<string> {
  return (await host().exec(["curl", "--silent", `http://127.0.0.1:9464${path}`])).stdout;
}

async function maintain(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host().cli("maintenance", ...args);
  expect(`${code} ${stderr}`).toBe("0 ");
  return stdout;
}

describe("maintenance", () => {
  test("leaves what differs as it is, says so everywhere, outlives a restart, and ends when told to", async () => {
    const ping = lab().ping(host().address);
    await ping.answered(20);
    const mark = agent.mark();
    expect(await maintain("on", "--for", "2h", "--reason", "new cables in rack 4")).toMatch(
      /^In maintenance until 20\d\d-.*Z: new cables in rack 4\n$/,
    );
    await spoil();
    await agent.waitFor(isLeft, { from: mark });
    expect(await patched()).toBe("[110]");
    const said = /maintenance until .*Z: new cables in rack 4/i;
    expect(await page("/readyz")).toMatch(said);
    expect(await page("/")).toMatch(/Maintenance until .* UTC: new cables in rack 4\. Nothing is repaired/);
    expect(await page("/metrics")).toContain("\ndevcloud_maintenance 1\n");
    expect((await host().cli("status")).stdout).toMatch(said);
    expect(JSON.parse(await maintain("status", "--json"))).toMatchObject({
      schema: "devcloud-agent/maintenance/v1",
      maintenance: { by: "operator", reason: "new cables in rack 4" },
    });
    await agent.stop();
    agent = await standing(host());
    await agent.waitFor(isLeft);
    await agent.waitFor(({ event, state }) => event === "maintenance" && state === "on");
    expect(await patched()).toBe("[110]");
    const off = agent.mark();
    expect(await maintain("off")).toBe("No maintenance: what differs is repaired.\n");
    await agent.waitFor(({ event, change }) => event === "drift" && change === "~ port to-br-ex", { from: off });
    await expect.poll(patched, { timeout: 10_000 }).toBe("[110, 120]");
    expect(await page("/metrics")).toContain("\ndevcloud_maintenance 0\n");
    const { lost, sent } = await ping.stop();
    process.stdout.write(`maintenance: ${lost} of ${sent} lost\n`);
    expect(lost).toBeLessThanOrEqual(3);
  });

  test("ends by itself, and what differs is repaired then", async () => {
    const mark = agent.mark();
    await maintain("on", "--for", "4s");
    await spoil();
    await agent.waitFor(isLeft, { from: mark });
    await agent.waitFor(isOver, { from: mark });
    await expect.poll(patched, { timeout: 10_000 }).toBe("[110, 120]");
  });

  test("does not keep a change back that a person asks for, nor its rollback", async () => {
    await maintain("on", "--for", "1h");
    const mark = agent.mark();
    await spoil();
    await agent.waitFor(isLeft, { from: mark });
    expect((await host().cli("network", "apply")).code).toBe(0);
    expect(await patched()).toBe("[110, 120]");
    const changed = await reconfigure(host(), { vlans: { management: PRUNED } });
    await agent.event("change", "rolled-back", { from: changed });
    await expect.poll(() => lab().reach(host().address), { timeout: 10_000 }).toBe(true);
  });

  test("lets a drain move the bond, which is what the person works on, and repairs nothing on that occasion", async () => {
    await maintain("on", "--for", "1h");
    const mark = agent.mark();
    await spoil();
    await host().vsctl("set", "Port", "mgmt0", "vlan_mode=native-untagged");
    await agent.waitFor(isLeft, { from: mark });
    const active = (await host().vsctl("get", "Port", "bond0", "bond_active_slave")).includes(host().nics[0].mac);
    const [drained, used] = active ? ["em1", "em2"] : ["em2", "em1"];
    expect((await host().cli("network", "drain", drained, "--for", "1h")).code).toBe(0);
    expect(await host().vsctl("get", "Port", "bond0", "other_config:bond-primary")).toContain(used);
    expect((await host().cli("network", "undrain", drained)).code).toBe(0);
    expect(await host().vsctl("get", "Port", "bond0", "other_config")).not.toContain("bond-primary");
    expect(await patched()).toBe("[110]");
    expect(await host().vsctl("get", "Port", "mgmt0", "vlan_mode")).toBe("native-untagged");
  });

  test("outlives a reboot, which brings the network up all the same", async () => {
    await maintain("on", "--for", "1h");
    await spoil();
    await agent.stop("SIGKILL");
    await host().reboot();
    agent = await standing(host());
    expect(await patched()).toBe("[110, 120]");
    expect(await lab().reach(host().address)).toBe(true);
    await agent.waitFor(({ event, state }) => event === "maintenance" && state === "on");
    const mark = agent.mark();
    await spoil();
    await agent.waitFor(isLeft, { from: mark });
    expect(await patched()).toBe("[110]");
  });

  test("can be asked for by the configuration, which alone can end it then", async () => {
    const mark = agent.mark();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await reconfigure(host(), null, { maintenance: { until } });
    await agent.waitFor(({ event, by }) => event === "maintenance" && by === "configuration", { from: mark });
    await spoil();
    await agent.waitFor(isLeft, { from: mark });
    const refused = await host().cli("maintenance", "off");
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining("maintenance.until")]);
    await reconfigure(host(), null);
    await agent.waitFor(isOver, { from: mark });
    await expect.poll(patched, { timeout: 10_000 }).toBe("[110, 120]");
  });
});
