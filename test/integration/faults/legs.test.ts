import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Finished, run } from "../../lab/command.ts";
import type { Host } from "../../lab/host.ts";
import { Lldpd, withLldp } from "../../lab/lldp.ts";
import { sharedLab, standing, tells } from "../network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;

beforeAll(async () => {
  await host().writeConfig("60-legs.yaml", { version: 1, timing: { lldp_interval: "300ms" } });
});

describe("check-legs", () => {
  beforeAll(async () => {
    await standing(host());
  });

  /** Somebody on every VLAN asks everybody for an address that nobody has, while the command listens. */
  async function check(...vlans: readonly number[]): Promise<{ done: Finished; verdict: Verdict }> {
    const seconds = "4";
    const asking = vlans.map((vlan) =>
      lab().gateway("arping", "-b", "-w", "6", "-I", `vlan${vlan}`, `10.1.${(vlan - 100) & 0xff}.250`),
    );
    const [done] = await Promise.all([host().cli("network", "check-legs", "--seconds", seconds, "--json"), ...asking]);
    if (done.stdout === "") throw new Error(done.stderr);
    return { done, verdict: JSON.parse(done.stdout) as Verdict };
  }

  interface Verdict {
    readonly vlans: readonly { readonly vlan: number; readonly arrives: Readonly<Record<string, string>> }[];
    readonly untagged: Readonly<Record<string, number>>;
    readonly problems: readonly { readonly code: string; readonly message: string }[];
  }

  const active = async (): Promise<"em1" | "em2"> => {
    const mac = await host().vsctl("get", "Port", "bond0", "bond_active_slave");
    return mac.includes(host().nics[0].mac) ? "em1" : "em2";
  };
  const standby = async (): Promise<"em1" | "em2"> => ((await active()) === "em1" ? "em2" : "em1");
  const arrivals = ({ vlans }: Verdict): object =>
    Object.fromEntries(vlans.map(({ vlan, arrives }) => [vlan, arrives]));
  const port = async (nic: string, ...columns: readonly string[]): Promise<void> => {
    await lab().fabric.ovs.vsctl("set", "Port", `${host().name}-${nic}`, ...columns);
  };
  const both = { em1: "yes", em2: "yes" };
  const trunk = "trunks=100,105,110,120";

  test("where every VLAN arrives on both members all is sound, and a VLAN on which nobody speaks is told as not known", async () => {
    await host().writeConfig("60-lonely.yaml", { version: 1, network: { vlans: { lonely: 125 } } });
    const { done, verdict } = await check(105, 110, 120);
    expect(arrivals(verdict)).toEqual({
      100: both,
      105: both,
      110: both,
      120: both,
      125: { em1: "quiet", em2: "quiet" },
    });
    expect([done.code, verdict.problems]).toEqual([0, []]);
    const { code, stdout } = await host().cli("network", "check-legs", "--seconds", "2");
    await host().writeConfig("60-lonely.yaml", { version: 1 });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^VLAN {2}name +em1, (active|standby) +em2, (active|standby)\n/);
    expect(stdout).toMatch(/\n 100 {2}management {2}arrives +arrives\n/);
    expect(stdout).toMatch(/\nquiet: nobody spoke to everybody on [^\n]*125;/);
  });

  test("the host's own question for its gateway proves the management VLAN on both members of a silent network", async () => {
    const { verdict } = await check();
    expect(arrivals(verdict)).toMatchObject({ 100: both });
  });

  test("a VLAN that the standby's switch port does not carry is missing there, the management VLAN too", async () => {
    const nic = await standby();
    await port(nic, "trunks=105,110");
    try {
      const { done, verdict } = await check(105, 110, 120);
      expect(arrivals(verdict)).toMatchObject({
        100: { [nic]: "no" },
        105: both,
        110: both,
        120: { [await active()]: "yes", [nic]: "no" },
      });
      expect(verdict.problems.map(({ code }) => code)).toEqual(["E_LEGS_VLAN_MISSING", "E_LEGS_VLAN_MISSING"]);
      expect(verdict.problems[0]?.message).toContain(nic);
      expect(done.code).toBe(1);
    } finally {
      await port(nic, trunk);
    }
  });

  test("frames without a tag on one member alone are a native VLAN that differs", async () => {
    const nic = await standby();
    await port(nic, "vlan_mode=native-untagged", "tag=105");
    try {
      const { done, verdict } = await check(105, 110);
      expect(verdict.untagged[nic]).toBeGreaterThan(0);
      expect(verdict.problems.map(({ code }) => code)).toEqual(["E_LEGS_VLAN_MISSING", "E_LEGS_NATIVE_VLAN"]);
      expect(done.code).toBe(1);
    } finally {
      await port(nic, "vlan_mode=trunk", "tag=[]");
    }
  });

  test("a member without carrier is told, and nothing is said of its trunk", async () => {
    const nic = await standby();
    await lab().cut(host(), nic);
    try {
      const { done, verdict } = await check(110);
      expect(arrivals(verdict)).toMatchObject({ 110: { [nic]: "dead" } });
      expect(verdict.problems.map(({ code }) => code)).toEqual(["E_NIC_NO_CARRIER"]);
      expect(done.code).toBe(1);
    } finally {
      await lab().mend(host(), nic);
    }
  });
});

describe("the switch ports of the legs", () => {
  let env: NodeJS.ProcessEnv;
  let ownDaemon: Lldpd | undefined;

  beforeAll(async () => {
    env = await withLldp(host().env, () => undefined);
  });
  afterAll(async () => ownDaemon?.[Symbol.asyncDispose]());

  const cli = async (...args: readonly string[]): Promise<Finished> => run(host().agentCommand(...args), { env });
  const aSwitch = async (name: string, ...nics: readonly string[]): Promise<Lldpd> => {
    const interfaces = nics.map((nic) => `${host().name}-${nic}`);
    return Lldpd.onSwitch(lab().fabric.namespace, { folder: join(lab().folder, "lldp"), name, interfaces, env });
  };

  test("are not known on a host without lldpd, and that is said", async () => {
    expect((await host().cli("network", "show")).stdout).toContain("switch ports: unknown, lldpd is not installed");
    expect((await cli("network", "show")).stdout).toContain("switch ports: unknown, lldpd does not run");
  });

  test("are shown as lldpd heard them, in show, status and metrics", async () => {
    await host().agent?.stop();
    const folder = join(lab().folder, "lldp");
    ownDaemon = await Lldpd.onHost(host().enter(), { folder, name: "cmp01", interfaces: ["em1", "em2"], env });
    await using _a = await aSwitch("leaf-a1", "em1");
    await using _b = await aSwitch("leaf-b1", "em2");
    const agent = host().startAgent({ env });
    await agent.event("net-ready");
    await expect
      .poll(async () => (await cli("network", "show")).stdout, { timeout: 20_000 })
      .toMatch(/em1 to A on leaf-a1 port h1-em1 up[^\n]+\n +em2 to B on leaf-b1 port h1-em2 up/);
    await expect
      .poll(async () => (await cli("status")).stdout, { timeout: 20_000 })
      .toMatch(/em1 +fabric A, up, \w+, on leaf-a1 port h1-em1\n/);
    const scraped = await run(
      [...host().enter(), "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:9464/metrics"],
      { env },
    );
    expect(scraped.stdout).toContain(
      'devcloud_uplink_neighbor_info{nic="em1",device="em1",chassis="leaf-a1",switch="leaf-a1",port="h1-em1"} 1',
    );
    const status = JSON.parse((await cli("status", "--json")).stdout) as {
      network: { problems: object[]; legs: object };
    };
    expect(status.network.problems).toEqual([]);
    expect(status.network.legs).toMatchObject({ state: "told", legs: [{ nic: "em1" }, { nic: "em2" }] });
  });

  test("on one switch are a warning while they are", async () => {
    const agent = host().agent;
    if (agent === undefined) throw new Error("the agent does not run");
    const mark = agent.mark();
    const both = await aSwitch("leaf-a1", "em1", "em2");
    await agent.waitFor(tells("E_LEGS_ONE_SWITCH"), { from: mark });
    const gone = agent.mark();
    await both[Symbol.asyncDispose]();
    await agent.waitFor(({ event, count }) => event === "problems" && count === 0, { from: gone });
  });

  test("of fabrics that are swapped are a warning", async () => {
    const agent = host().agent;
    if (agent === undefined) throw new Error("the agent does not run");
    const mark = agent.mark();
    await using _a = await aSwitch("leaf-a1", "em2");
    await using _b = await aSwitch("leaf-b1", "em1");
    await agent.waitFor(tells("E_LEGS_CROSSED"), { from: mark });
  });
});
