import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Host } from "../../lab/host.ts";
import { expectVerified, reconfigure, sharedLab, standing } from "../network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;

beforeAll(async () => {
  await standing(host());
});

/** Puts a fragment in force as a change, and waits until it is confirmed. */
async function confirmed(...change: Parameters<typeof reconfigure> extends [Host, ...infer Rest] ? Rest : never) {
  const agent = host().agent;
  if (agent === undefined) throw new Error("the agent does not run");
  const mark = await reconfigure(host(), ...change);
  await agent.event("change", "confirmed", { from: mark });
  await expectVerified(host());
}

test("a gateway of each family, addresses and routes stand together, and both families answer", async () => {
  await confirmed({
    addresses: {
      mgmt0: { ipv6: ["fd00:1:100::11/64"], routes: [{ to: "::/0", via: "fd00:1:100::1" }] },
    },
  });
  const routes = (await host().exec(["sh", "-c", "ip route show default; ip -6 route show default"])).stdout;
  expect(routes).toContain("default via 10.1.0.1 dev mgmt0 proto 220");
  expect(routes).toContain("default via fd00:1:100::1 dev mgmt0 proto 220");
  expect(await lab().reach(host().address)).toBe(true);
  expect((await lab().gateway("ping", "-6", "-c", "1", "-W", "1", "fd00:1:100::11")).code).toBe(0);
  await confirmed(null);
});

test("an MTU is on the wire when the change is confirmed: a frame of that size arrives whole, a larger one does not", async () => {
  const names = host().nics.map(({ port }) => port);
  const wide = [...names, "gw-100"].map((name) => `link set ${name} mtu 2100`).join("\n");
  await lab().fabric.ovs.exec("sh", "-c", `printf '%s\\n' '${wide}' | ip -batch -`);
  await lab().gateway("ip", "link", "set", "vlan100", "mtu", "2000");
  await confirmed({ bond: { mtu: 2000 }, addresses: { mgmt0: { mtu: 2000 } } });
  const ping = async (mtu: number): Promise<boolean> => {
    const size = String(mtu - 28);
    return (await host().exec(["ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", size, "10.1.0.1"])).code === 0;
  };
  expect([await ping(2000), await ping(2001)]).toEqual([true, false]);
  expect(await host().vsctl("get", "Interface", "em1", "mtu")).toBe("2000");
  await confirmed({ bond: { mtu: 1500 }, addresses: { mgmt0: { mtu: 1500 } } });
  expect([await ping(1500), await ping(1501)]).toEqual([true, false]);
});

test("delays, detection and the preferred member are Open vSwitch's as soon as the change is confirmed", async () => {
  await confirmed({ bond: { updelay: "300ms", downdelay: "100ms", detect: "miimon", primary: "em2" } });
  const shown = await host().ovs.appctl("bond/show", "bond0");
  expect(shown).toContain("updelay: 300 ms");
  expect(shown).toContain("downdelay: 100 ms");
  expect(shown).toMatch(/active-backup primary: em2/);
  await confirmed({ bond: { primary: "em2", failback: "never" } });
  expect(await host().ovs.appctl("bond/show", "bond0")).not.toMatch(/active-backup primary: em/);
  await confirmed(null);
});

test("the patch to Neutron's bridge passes frames of Neutron's VLANs, and of no other that the uplinks carry", async () => {
  for (const vlan of [100, 105, 110, 120]) {
    const name = `probe${vlan}`;
    await host().vsctl(
      ...["--", "add-port", "br-ex", name, `tag=${vlan}`],
      ...["--", "set", "Interface", name, "type=internal"],
    );
    await host().exec(["ip", "link", "set", name, "up"]);
    await host().exec(["ip", "address", "add", `10.1.${vlan - 100}.200/24`, "dev", name]);
  }
  const answers = async (vlan: number): Promise<boolean> => {
    const gateway = `10.1.${vlan - 100}.1`;
    return (await host().exec(["arping", "-c", "3", "-w", "3", "-f", "-I", `probe${vlan}`, gateway])).code === 0;
  };
  expect(await Promise.all([110, 120].map(answers))).toEqual([true, true]);
  expect(await Promise.all([100, 105].map(answers))).toEqual([false, false]);
  // A patch that trunks everything would let them through: it is the trunk that does it.
  await host().agent?.stop("SIGKILL");
  await host().vsctl("clear", "Port", "to-br-ex", "trunks");
  expect(await Promise.all([100, 105].map(answers))).toEqual([true, true]);
  await host().vsctl(...[100, 105, 110, 120].flatMap((vlan) => ["--", "del-port", `probe${vlan}`]));
  await standing(host());
});

test("the name servers are in resolv.conf when the network stands, and the rollback of a change takes them back", async () => {
  const file = join(host().root, "etc/resolv.conf");
  await writeFile(file, "search dc1.example.net\nnameserver 192.168.1.1\n");
  const agent = host().agent;
  if (agent === undefined) throw new Error("the agent does not run");
  const mark = await reconfigure(host(), { vlans: { management: 130 } }, { host: { dns: ["10.1.0.2"] } });
  await agent.event("change", "rolled-back", { from: mark });
  expect(await readFile(file, "utf8")).toBe("search dc1.example.net\nnameserver 192.168.1.1\n");
  await confirmed(null, { host: { dns: ["10.1.0.2", "10.1.0.3"] } });
  expect(await readFile(file, "utf8")).toMatch(
    /^#.*\nsearch dc1\.example\.net\nnameserver 10\.1\.0\.2\nnameserver 10\.1\.0\.3\n$/,
  );
  // As an installer, or a person, does: it is drift.
  const from = agent.mark();
  await writeFile(file, "nameserver 9.9.9.9\n");
  await agent.event("drift", undefined, { from });
  await expect.poll(() => readFile(file, "utf8")).toContain("nameserver 10.1.0.2");
});

test("an address that comes back with another MAC address is told to neighbours that remember the old one, in both families", async () => {
  await confirmed({ addresses: { mgmt0: { ipv6: ["fd00:1:100::11/64"] } } });
  await host().agent?.stop("SIGKILL");
  await host().reboot();
  const remembered = [host().address, "fd00:1:100::11"];
  for (const address of remembered) {
    const entry = ["to", address, "lladdr", "02:00:00:00:99:99", "dev", "vlan100", "nud", "stale"];
    await lab().gateway("ip", "neighbour", "replace", ...entry);
  }
  await standing(host());
  const mac = (await host().exec(["cat", "/sys/class/net/mgmt0/address"])).stdout.trim();
  for (const address of remembered) {
    const entry = async () => (await lab().gateway("ip", "neighbour", "show", "to", address)).stdout;
    // Without a word from us it would hold on to the old one until it has asked that in vain, for seconds.
    await expect.poll(entry, { timeout: 4_000, interval: 100 }).toContain(`lladdr ${mac}`);
  }
});

test("a bond that moves shows the switches its new way at once, by a frame of each family", async () => {
  const mac = await host().vsctl("get", "Port", "bond0", "bond_active_slave");
  const [active, standby] = mac.includes(host().nics[0].mac) ? ["em1", "em2"] : ["em2", "em1"];
  const own = (await host().exec(["cat", "/sys/class/net/mgmt0/address"])).stdout.trim();
  const filter = `ether src ${own} and vlan and (arp or icmp6)`;
  const capture = await lab().capture(host(), standby, { filter });
  await lab().cut(host(), active);
  await capture.waitFor(({ etherType }) => etherType === 0x0806);
  const greeting = await capture.waitFor(({ etherType }) => etherType === 0x86dd);
  expect(greeting).toMatchObject({ source: own, destination: "33:33:00:00:00:01", vlan: 100 });
  await capture.stop();
  await lab().mend(host(), active);
  await confirmed(null);
});

// The last: the switches send this VLAN without its tag from here on.
test("the native VLAN leaves the NICs without a tag, all others with theirs", async () => {
  await lab().untag(host(), 105);
  await confirmed({
    bond: { native_vlan: "storage" },
    addresses: { stor0: { vlan: "storage", ipv4: ["10.1.5.11/24"] } },
  });
  expect(await host().vsctl("get", "Port", "bond0", "vlan_mode", "tag", "trunks")).toBe(
    "native-untagged\n105\n[100, 105, 110, 120]",
  );
  expect(await tagsOf("stor0", "10.1.5.1")).toEqual([undefined]);
  expect(await tagsOf("mgmt0", "10.1.0.1")).toEqual([100]);
  await confirmed(null);
  expect(await host().vsctl("get", "Port", "bond0", "vlan_mode", "tag")).toBe("trunk\n[]");
});

/** Which tags the frames have that leave the NICs while a device asks for an address, and is answered. */
async function tagsOf(device: string, target: string): Promise<readonly (number | undefined)[]> {
  const filter = `arp host ${target} or (vlan and arp host ${target})`;
  const captures = await Promise.all(host().nics.map(({ name }) => lab().capture(host(), name, { filter })));
  const asked = await host().exec(["arping", "-f", "-c", "3", "-w", "3", "-I", device, target]);
  const frames = (await Promise.all(captures.map((capture) => capture.stop()))).flat();
  expect([asked.code, frames.length > 0]).toEqual([0, true]);
  return [...new Set(frames.map(({ vlan }) => vlan))];
}
