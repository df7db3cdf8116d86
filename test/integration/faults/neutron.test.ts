import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Host } from "../../lab/host.ts";
import { NeutronAgent, openvswitchAgentIni, writeKolla } from "../../lab/neutron.ts";
import { expectVerified, sharedLab, standing } from "../network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;
const INI = "neutron-openvswitch-agent/openvswitch_agent.ini";

interface Verdict {
  readonly mappings: readonly object[];
  readonly problems: readonly {
    readonly code: string;
    readonly message: string;
    readonly file?: string;
    readonly line?: number;
  }[];
}

async function check(): Promise<{ readonly code: number; readonly verdict: Verdict }> {
  const { code, stdout, stderr } = await host().cli("network", "check-neutron", "--json");
  if (stdout === "") throw new Error(stderr);
  return { code, verdict: JSON.parse(stdout) as Verdict };
}

beforeAll(async () => {
  await host().writeConfig("60-name.yaml", { version: 1, host: { name: "h1.dc1.example.net" } });
  await standing(host());
});

beforeEach(async () => {
  await rm(join(host().root, "etc/kolla"), { recursive: true, force: true });
});

test("a host without anything of Kolla's is told so with exit code 2", async () => {
  const { code, stderr } = await host().cli("network", "check-neutron");
  expect(stderr).toContain("E_KOLLA_UNREADABLE");
  expect(code).toBe(2);
});

test("what Kolla writes for a host like this is sound", async () => {
  await writeKolla(host(), INI, openvswitchAgentIni);
  const kolla = await host().cli("network", "kolla", "--output", join(host().root, "etc/kolla"));
  expect(kolla.code).toBe(0);
  const { code, verdict } = await check();
  expect(verdict).toMatchObject({
    mappings: [{ physnet: "physnet1", bridge: "br-ex", trunk: [110, 120], ranges: "110, 120", used: [], mtu: 1500 }],
    problems: [],
  });
  expect(code).toBe(0);
});

test.each([
  [
    "a mapping to our own bridge",
    { from: "physnet1:br-ex", to: "physnet1:br-uplink" },
    9,
    ["E_NEUTRON_UPLINK", "E_NEUTRON_MAPPING"],
  ],
  ["no mapping", { from: "physnet1:br-ex", to: "" }, 9, ["E_NEUTRON_MAPPING"]],
  ["another physical network", { from: "physnet1:br-ex", to: "physnet9:br-ex" }, 9, ["E_NEUTRON_MAPPING"]],
  [
    "a bridge that is not there",
    { from: "physnet1:br-ex", to: "physnet1:br-ex,physnet2:br-gone" },
    9,
    ["E_NEUTRON_BRIDGE"],
  ],
  ["another datapath", { from: "= netdev", to: "= system" }, 10, ["E_NEUTRON_DATAPATH"]],
  ["an OVSDB where nothing listens", { from: ":6640", to: ":6641" }, 11, ["E_NEUTRON_HOST"]],
  [
    "a tunnel from an address of nobody",
    { from: "tunnel_types =", to: "tunnel_types = vxlan\n[ovs]\nlocal_ip = 192.0.2.9\n[agent]" },
    4,
    ["E_NEUTRON_TUNNEL"],
  ],
  ["a line that is none", { from: "[securitygroup]", to: "securitygroup]" }, 4, ["E_NEUTRON_FILE"]],
])("%s is told with its place", async (_, { from, to }, line, codes) => {
  const file = await writeKolla(host(), INI, openvswitchAgentIni.replace(from, to));
  const { code, verdict } = await check();
  expect(verdict.problems.map((problem) => problem.code).sort()).toEqual([...codes].sort());
  expect(verdict.problems[0]).toMatchObject({ file, line });
  expect(code).toBe(1);
});

test("ranges and MTUs that the trunk does not carry are told with their place", async () => {
  await writeKolla(host(), INI, openvswitchAgentIni);
  const ml2 =
    "[ml2_type_vlan]\nnetwork_vlan_ranges = physnet1:109:112,\n  physnet1:120:120\n[ml2]\nphysical_network_mtus = physnet1:9000\n";
  const file = await writeKolla(host(), "config/neutron/ml2_conf.ini", ml2);
  const { verdict } = await check();
  expect(verdict.problems).toMatchObject([
    {
      code: "E_NEUTRON_VLAN",
      file,
      line: 2,
      message: expect.stringContaining("109, 111-112 do not get to br-ex") as string,
    },
    { code: "E_NEUTRON_MTU", file, line: 5, message: expect.stringContaining("em1 has 1500") as string },
    { code: "E_NEUTRON_MTU", file, line: 5 },
  ]);
  const { stdout } = await host().cli("network", "check-neutron");
  expect(stdout).toContain(`! ${file}:2: network_vlan_ranges`);
});

test("a network with a machine on this host, on a VLAN that does not get here, is told", async () => {
  await writeKolla(host(), INI, openvswitchAgentIni);
  const network = ["other_config:physical_network=physnet1", "other_config:network_type=vlan"];
  await host().vsctl(
    "add-port",
    "br-ex",
    "tap-vm",
    "--",
    "set",
    "Port",
    "tap-vm",
    ...network,
    "other_config:segmentation_id=105",
  );
  try {
    const { verdict } = await check();
    expect(verdict.problems).toMatchObject([
      { code: "E_NEUTRON_VLAN", message: expect.stringContaining("VLAN 105") as string },
    ]);
  } finally {
    await host().vsctl("del-port", "br-ex", "tap-vm");
  }
});

describe("with Debian's neutron-openvswitch-agent at work", () => {
  const bridge = async (name: string): Promise<string> =>
    host().vsctl("get", "Bridge", name, "fail_mode", "controller");

  const flows = async (name: string): Promise<string> =>
    (await host().exec(["ovs-ofctl", "-OOpenFlow13", "dump-flows", name])).stdout;

  // Python needs half a minute to load it all, on a machine that is busy.
  const START_MS = 300_000;

  test(
    "br-ex becomes secure, the host stays reachable, nothing is planned, and a patch that is lost comes back and carries",
    async () => {
      await writeKolla(host(), INI, openvswitchAgentIni);
      await using _ = await NeutronAgent.start(host(), () => undefined);
      await expect
        .poll(() => flows("br-ex"), { timeout: 200_000, interval: 500 })
        .toMatch(/priority=2,in_port=\S+ actions=drop[\s\S]*priority=0 actions=NORMAL/);
      expect(await bridge("br-ex")).toMatch(/^secure\n\[[0-9a-f-]{36}\]$/);
      expect(await bridge("br-uplink")).toBe("standalone\n[]");
      expect(await lab().reach(host().address)).toBe(true);
      await expectVerified(host());
      const { code, verdict } = await check();
      expect([code, verdict.problems]).toEqual([0, []]);

      // A machine on a provider network, as a port of Neutron's bridge.
      await host().vsctl("add-port", "br-ex", "tap-vm", "tag=110", "--", "set", "Interface", "tap-vm", "type=internal");
      await host().exec(["ip", "link", "set", "tap-vm", "up"]);
      const answers = async (): Promise<number> =>
        (await host().exec(["arping", "-D", "-c", "1", "-w", "2", "-I", "tap-vm", "10.1.10.1"])).code;
      await host().vsctl("del-port", "br-ex", "up-br-ex");
      const ports = async (): Promise<readonly string[]> =>
        (await host().vsctl("list-ports", "br-ex")).split("\n").sort();
      await expect.poll(ports, { timeout: 20_000 }).toEqual(["phy-br-ex", "tap-vm", "up-br-ex"]);
      // arping -D: 1 when somebody has the address.
      await expect.poll(answers, { timeout: 20_000 }).toBe(1);
      expect(await bridge("br-ex")).toMatch(/^secure\n/);
      await expectVerified(host());
    },
    START_MS,
  );

  test("when it ends, br-ex keeps its flows and its patch, and the host is as configured", async () => {
    await writeKolla(host(), INI, openvswitchAgentIni);
    expect(await lab().reach(host().address)).toBe(true);
    await expectVerified(host());
    expect((await check()).verdict.problems).toEqual([]);
  });
});
