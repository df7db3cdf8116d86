import { beforeAll, expect, test } from "vitest";
import type { ConfigMap } from "../../lab/config.ts";
import type { Host } from "../../lab/host.ts";
import { asDelivered, expectVerified, reconfigure, select, sharedLab, standing, tells } from "../network-lab.ts";

/* What no network can be made of, laid over the configuration of a host that works. */

const lab = sharedLab();
const host = (): Host => lab().host;

beforeAll(async () => {
  await asDelivered(lab(), host());
  await standing(host());
  expect((await host().cli("network", "apply")).code).toBe(0);
});

/** Every row of what makes the switch; next_cfg, in the root's row, only counts. */
async function rows(): Promise<readonly (readonly string[])[]> {
  return await Promise.all([
    select(host(), "Bridge", "_uuid", "_version"),
    select(host(), "Port", "_uuid", "_version"),
    select(host(), "Interface", "_uuid", "name", "type", "mac", "mtu_request", "options", "external_ids"),
    select(host(), "Open_vSwitch", "bridges", "manager_options", "external_ids"),
  ]);
}

const addresses = async (): Promise<string> => (await host().exec(["ip", "-br", "address"])).stdout;

type Form = readonly [what: string, network: ConfigMap, code: string];

const mgmt0: ConfigMap = { vlan: "management", ipv4: ["10.1.0.11/24"], gateway: "10.1.0.1" };
const neutron = (vlans: readonly string[], name = "br-ex"): ConfigMap => ({
  neutron: { bridges: { [name]: { physnet: "physnet1", vlans } } },
});

const vlans: readonly Form[] = [
  ["VLAN 0", { vlans: { management: 0 } }, "E_CONFIG_VALUE"],
  ["VLAN 4095", { vlans: { management: 4095 } }, "E_CONFIG_VALUE"],
  ["VLAN 4096", { vlans: { management: 4096 } }, "E_CONFIG_VALUE"],
  ["VLAN -1", { vlans: { management: -1 } }, "E_CONFIG_VALUE"],
  ['VLAN "100"', { vlans: { management: "100" } }, "E_CONFIG_TYPE"],
  ["one VLAN under two names", { vlans: { storage: 100 } }, "E_CONFIG_DUPLICATE_VLAN"],
  ["Neutron on the management VLAN", neutron(["developers", "management"]), "E_CONFIG_MANAGEMENT_VLAN"],
  ["an address on a VLAN that no trunk has", { vlans: { management: null } }, "E_CONFIG_REFERENCE"],
];

const names: readonly Form[] = [
  ["a bond of 16 characters", { bond: { name: "bond-of-fabrics0" } }, "E_CONFIG_VALUE"],
  ["a bridge of 16 characters", { bridge: "bridge-of-uplink" }, "E_CONFIG_VALUE"],
  ["a port of 16 characters", { addresses: { mgmt0: null, "management-port0": mgmt0 } }, "E_CONFIG_NAME"],
  ["a bridge of Neutron's of 12 characters", neutron(["developers"], "br-external0"), "E_CONFIG_NAME"],
  ["a bond called as a NIC", { bond: { name: "em1" } }, "E_CONFIG_NAME_CLASH"],
  ["a bridge called as Neutron's own", { bridge: "br-int" }, "E_CONFIG_NAME_CLASH"],
  ["a port called as a bridge", { addresses: { mgmt0: null, "br-ex": mgmt0 } }, "E_CONFIG_NAME_CLASH"],
];

const members: readonly Form[] = [
  ["a primary that is no member", { bond: { primary: "em3" } }, "E_CONFIG_REFERENCE"],
  ["a primary that is a NIC and no member", { nics: { em3: {} }, bond: { primary: "em3" } }, "E_CONFIG_REFERENCE"],
  ["one member", { bond: { members: ["em1"] } }, "E_CONFIG_BOND_MEMBERS"],
  ["no member", { bond: { members: [] } }, "E_CONFIG_BOND_MEMBERS"],
  ["the same NIC twice", { bond: { members: ["em1", "em1"] } }, "E_CONFIG_DUPLICATE_MEMBER"],
];

/** Each is told by the running agent with its code, and refused where a person applies it; not a row and not a packet moves. */
async function refused(forms: readonly Form[]): Promise<void> {
  const before = { rows: await rows(), addresses: await addresses() };
  await using ping = lab().ping(host().address);
  await ping.answered(20);
  for (const [what, network, code] of forms) {
    const mark = await reconfigure(host(), network);
    await host().agent?.waitFor(tells(code), { from: mark });
    const applied = await host().cli("network", "apply");
    expect([what, applied.code, applied.stdout + applied.stderr]).toEqual([what, 2, expect.stringContaining(code)]);
    expect({ rows: await rows(), addresses: await addresses() }, what).toEqual(before);
    const back = await reconfigure(host(), null);
    await host().agent?.waitFor(({ event, count }) => event === "problems" && count === 0, { from: back });
  }
  await ping.answered(20);
  const { sent, lost } = await ping.stop();
  process.stdout.write(`${forms.map(([what]) => what).join(", ")}: ${lost} of ${sent} lost\n`);
  expect(lost).toBe(0);
  await expectVerified(host());
}

test(
  "VLANs that are none, that are there twice or that are Neutron's too are refused, and nobody notices",
  () => refused(vlans),
  180_000,
);

test("names that are too long or taken are refused, and nobody notices", () => refused(names), 180_000);

test(
  "bonds of one NIC, of the same one twice or with a stranger as the primary are refused, and nobody notices",
  () => refused(members),
  180_000,
);

test("a port name that is on somebody else's bridge is refused before anything is touched, and nobody notices", async () => {
  await host().vsctl("--", "add-br", "br-old", "--", "set", "Bridge", "br-old", "datapath_type=netdev");
  await host().vsctl("--", "add-port", "br-old", "stor0", "--", "set", "Interface", "stor0", "type=internal");
  await host().agent?.stop();
  await standing(host());
  const before = { rows: await rows(), addresses: await addresses() };
  await using ping = lab().ping(host().address);
  await ping.answered(20);
  const mark = await reconfigure(host(), { addresses: { stor0: { vlan: "storage", ipv4: ["10.1.5.11/24"] } } });
  const told = await host().agent?.waitFor(tells("E_NETWORK_CONFLICT"), { from: mark });
  expect(JSON.stringify(told?.problems)).toContain("port stor0 is on another bridge and not ours");
  const applied = await host().cli("network", "apply");
  expect([applied.code, applied.stdout + applied.stderr]).toEqual([4, expect.stringContaining("E_NETWORK_CONFLICT")]);
  expect({ rows: await rows(), addresses: await addresses() }).toEqual(before);
  const { sent, lost } = await ping.stop();
  process.stdout.write(`a port name on a foreign bridge: ${lost} of ${sent} lost\n`);
  expect(lost).toBe(0);
});
