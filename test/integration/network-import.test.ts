import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Step } from "../../agent/network/steps.ts";
import { beyondAdoption } from "../lab/adoption.ts";
import type { Host } from "../lab/host.ts";
import { asDelivered, PRUNED, sharedLab } from "./network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;

/** A host whose Open vSwitch somebody set up, with its address on VLAN 100. */
async function byHand(): Promise<void> {
  await asDelivered(lab(), host());
  await host().vsctl(
    ...["--", "add-br", "ovsbr0", "--", "set", "Bridge", "ovsbr0", "datapath_type=netdev"],
    ...["--", "add-bond", "ovsbr0", "uplinks", "em1", "em2", "bond_mode=active-backup", "trunks=100,105,120"],
    ...["--", "add-port", "ovsbr0", "mgmt0", "tag=100"],
    ...["--", "set", "Interface", "mgmt0", "type=internal"],
  );
  const lines = ["em1", "em2", "mgmt0"].map((device) => `link set ${device} up\n`).join("");
  const address = `address add ${host().address}/24 dev mgmt0\nroute add default via 10.1.0.1 dev mgmt0\n`;
  expect((await host().exec(["ip", "-batch", "-"], { input: lines + address })).stderr).toBe("");
}

/** The import becomes the host's only configuration. */
async function imported(): Promise<string> {
  const file = join(host().root, "etc/devcloud-agent/config.d/50-host.yaml");
  const { code, stdout, stderr } = await host().cli("network", "import");
  expect(`${code} ${stderr}`).toBe("0 ");
  await host().writeConfig("50-host.yaml", stdout);
  const again = await host().cli("network", "import", "--output", file);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("E_FILE_EXISTS")]);
  expect(await readFile(file, "utf8")).toBe(stdout);
  const checked = await host().cli("check-config");
  expect(checked.code, checked.stdout + checked.stderr).toBe(0);
  return stdout;
}

/** The apply that follows is no change of the network: not a packet is lost. */
async function expectNothingMoves(): Promise<void> {
  await host().writeConfig("60-test.yaml", { version: 1, network: { mode: "enforce" } }, "override");
  await using ping = lab().ping(host().address);
  await ping.answered(10);
  const applied = await host().cli("network", "apply");
  expect(`${applied.code} ${applied.stdout}${applied.stderr}`).toMatch(/^0 /);
  expect((await host().cli("network", "verify")).code).toBe(0);
  await ping.answered(10);
  const { sent, lost } = await ping.stop();
  process.stdout.write(`    imported and applied: ${lost} of ${sent} packets lost at 10 ms\n`);
  expect(lost).toBeLessThanOrEqual(3);
}

test("a host whose Open vSwitch was configured by hand is imported, and the plan of that is empty", async () => {
  await byHand();
  const text = await imported();
  expect(text).toContain("vlan120: 120 # decide: name it");
  const plan = await host().cli("network", "plan");
  expect(`${plan.code} ${plan.stdout}`).toMatch(/^0 /);
  await expectNothingMoves();
});

test("one with the management network untagged, IPv6, an access port, jumbo frames and a bond of its own kind is imported, and the plan of that is empty", async () => {
  await asDelivered(lab(), host());
  await lab().untag(host(), 100);
  const [{ mac }] = host().nics;
  await host().vsctl(
    ...["--", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev", "fail_mode=standalone"],
    ...["--", "add-bond", "br0", "bond7", "em2", "em1", "bond_mode=active-backup", "bond_updelay=300"],
    ...[
      "--",
      "set",
      "Port",
      "bond7",
      "vlan_mode=native-untagged",
      "tag=100",
      "trunks=100,105,110",
      "bond_downdelay=100",
    ],
    ...["--", "set", "Port", "bond7", "other_config:bond-detect-mode=miimon", "other_config:bond-miimon-interval=150"],
    ...["--", "set", "Port", "bond7", "other_config:bond-primary=em2"],
    ...["--", "set", "Interface", "em1", "mtu_request=9000", "--", "set", "Interface", "em2", "mtu_request=9000"],
    ...["--", "add-port", "br0", "host0", "tag=100"],
    // Its MAC address is Open vSwitch's choice. With a NIC's, what that NIC says itself without a tag would draw the host to it.
    ...["--", "set", "Interface", "host0", "type=internal", "mtu_request=1500"],
    ...["--", "add-port", "br0", "stor0", "tag=105"],
    ...["--", "set", "Interface", "stor0", "type=internal", `mac="${mac}"`, "mtu_request=9000"],
  );
  const lines = [
    ...["em1", "em2", "host0", "stor0"].map((device) => `link set ${device} up`),
    `address add ${host().address}/24 dev host0`,
    "address add fd00:1:100::11/64 dev host0 nodad",
    "address add 10.1.5.11/24 dev stor0",
    "route add default via 10.1.0.1 dev host0",
    "route add 10.9.0.0/16 via 10.1.5.1 dev stor0",
    "route add fd00:9::/48 via fd00:1:100::9 dev host0",
  ];
  expect((await host().exec(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` })).stderr).toBe("");
  await expect.poll(() => lab().reach(host().address), { timeout: 10_000 }).toBe(true);
  const text = await imported();
  for (const part of ["bond7", "native_vlan", "fd00:1:100::11/64", "10.9.0.0/16", "9000", "primary: em2", "miimon"]) {
    expect(text).toContain(part);
  }
  const plan = await host().cli("network", "plan");
  expect(`${plan.code} ${plan.stdout}`).toMatch(/^0 /);
  await expectNothingMoves();
});

test("a host whose Open vSwitch was configured by hand is not cut off by a wrong VLAN: that is taken back, and stays so", async () => {
  await byHand();
  const network = { mode: "enforce", confirm: { deadline: "6s" }, vlans: { management: PRUNED, vlan100: 100 } };
  const wrong = { version: 1, network, timing: { dead_man_grace: "300ms" } };
  await imported();
  await host().writeConfig("60-test.yaml", wrong, "override");
  await using ping = lab().ping(host().address);
  await ping.answered(10);
  const applied = await host().cli("network", "apply", "--adopt");
  expect([applied.code, applied.stdout + applied.stderr]).toEqual([
    1,
    expect.stringContaining("gateway 10.1.0.1 does not answer"),
  ]);
  await ping.answered(10);
  expect(await host().vsctl("get", "Port", "mgmt0", "tag")).toBe("100");
  const again = await host().cli("network", "apply");
  expect([again.code, again.stdout]).toEqual([1, expect.stringContaining("E_NETWORK_ROLLED_BACK")]);
  expect(await lab().reach(host().address)).toBe(true);
  const unheard = await host().cli("network", "apply", "--confirm", "--retry");
  expect([unheard.code, unheard.stdout + unheard.stderr]).toEqual([4, expect.stringContaining("E_NETWORK_NO_DAEMON")]);
});

test("a host with its address on a NIC is imported, and the plan of that is its adoption, which then succeeds", async () => {
  await asDelivered(lab(), host());
  await lab().untag(host(), 100);
  const lines = "link set em1 up\nlink set em2 up\n";
  const address = `address add ${host().address}/24 dev em1\nroute add default via 10.1.0.1 dev em1\n`;
  expect((await host().exec(["ip", "-batch", "-"], { input: lines + address })).stderr).toBe("");
  await imported();
  const plan = await host().cli("network", "plan", "--json");
  const { steps, problems } = JSON.parse(plan.stdout) as {
    readonly steps: readonly Step[];
    readonly problems: readonly { readonly hint: string }[];
  };
  expect(plan.code).toBe(3);
  expect(problems.map(({ hint }) => hint)).toEqual(["devcloud-agent network apply --adopt takes it over."]);
  expect(steps.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(["create-bridge", "take-address", "take-route"]),
  );
  // The host cannot know the number of a VLAN that has no tag: the import writes 1.
  expect(beyondAdoption(steps, 1)).toEqual([]);
  await host().writeConfig(
    "60-test.yaml",
    {
      version: 1,
      network: { mode: "enforce", datapath: "netdev", bond: { updelay: "200ms" } },
    },
    "override",
  );
  const applied = await host().cli("network", "apply", "--adopt");
  expect(`${applied.code} ${applied.stdout}${applied.stderr}`).toMatch(/^0 /);
  expect(await lab().reach(host().address)).toBe(true);
  expect((await host().cli("network", "verify")).code).toBe(0);
});
