import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Host } from "../lab/host.ts";
import { addressesOf, expectVerified, reconfigure, select, sharedLab, standing, stateOf } from "./network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;

beforeAll(async () => {
  await standing(host());
});

function agent() {
  const running = host().agent;
  if (running === undefined) throw new Error("the agent does not run");
  return running;
}

describe("from nothing", () => {
  test("bridge, bond, management port, address and route stand, and the gateway gets replies", async () => {
    expect(await lab().reach(host().address)).toBe(true);
    await expectVerified(host());
    expect(await host().vsctl("get", "Port", "bond0", "bond_mode", "lacp", "trunks", "vlan_mode")).toBe(
      "active-backup\noff\n[100, 105, 110, 120]\ntrunk",
    );
    expect(await host().vsctl("get", "Port", "mgmt0", "tag", "vlan_mode")).toBe("100\naccess");
    const [first] = host().nics;
    expect(await host().vsctl("get", "Bridge", "br-uplink", "fail_mode", "other_config:hwaddr")).toBe(
      `standalone\n"${first.mac}"`,
    );
    expect((await host().exec(["ip", "route", "show", "default"])).stdout).toMatch(
      /via 10\.1\.0\.1 dev mgmt0 proto 220/,
    );
  });

  test("Neutron finds its bridge, the Manager on the loopback, and the host's identity", async () => {
    expect(await host().vsctl("get", "Port", "to-br-ex", "trunks")).toBe("[110, 120]");
    expect(await host().vsctl("get", "Interface", "up-br-ex", "type", "options:peer")).toBe("patch\nto-br-ex");
    expect(await host().vsctl("get-manager")).toBe("ptcp:6640:127.0.0.1");
    const listening = (await host().exec(["cat", "/proc/net/tcp"])).stdout;
    expect(listening).toContain("0100007F:19F0 00000000:0000 0A");
  });

  test("what a reboot and a rescue need is written: last good network, ledger, script, flag", async () => {
    expect(stateOf(host(), "last-good")).toMatchObject({ config: { revision: 1 } });
    expect(stateOf(host(), "ledger")).toEqual({ addresses: [{ device: "mgmt0", address: `${host().address}/24` }] });
    const rescue = join(host().root, "var/lib/devcloud-agent/rescue.sh");
    expect(statSync(rescue).mode & 0o777).toBe(0o700);
    expect(readFileSync(rescue, "utf8")).toContain(`${host().address}/24`);
    expect(existsSync(join(host().root, "run/devcloud-agent/net-ready"))).toBe(true);
  });
});

test("applying twice writes nothing but next_cfg: rows, ofports and MACs stay", async () => {
  const look = async () => ({
    bridges: await select(host(), "Bridge", "_uuid", "_version", "name"),
    ports: await select(host(), "Port", "_uuid", "_version", "name"),
    interfaces: await select(host(), "Interface", "_uuid", "name", "ofport", "mac", "mac_in_use", "external_ids"),
    managers: await select(host(), "Manager", "_uuid", "target"),
    rescue: statSync(join(host().root, "var/lib/devcloud-agent/rescue.sh")).ino,
    links: (await host().exec(["ip", "-br", "link"])).stdout,
    mentions: (await host().exec(["ovsdb-tool", "show-log", join(host().root, "var/lib/openvswitch/conf.db")])).stdout
      .split("\n")
      .filter((line) => line.includes("devcloud-agent")),
  });
  const before = await look();
  await using ping = lab().ping(host().address);
  await ping.answered(20);
  for (let time = 0; time < 2; time += 1) expect((await host().cli("network", "apply")).code).toBe(0);
  await agent().stop();
  await standing(host());
  expect(await look()).toEqual(before);
  await ping.answered(20);
  const { sent, lost } = await ping.stop();
  process.stdout.write(`    applied twice, and a restart: ${lost} of ${sent} packets lost at 10 ms\n`);
  expect(lost).toBe(0);
});

describe("drift", () => {
  const repaired = async (undo: readonly string[], holds: () => Promise<boolean>): Promise<void> => {
    const mark = agent().mark();
    const done = await host().exec(undo);
    expect(done.stderr).toBe("");
    await agent().event("drift", undefined, { from: mark });
    await expect.poll(holds, { timeout: 10_000 }).toBe(true);
  };

  test("in the database is repaired", async () => {
    await repaired(["ovs-vsctl", "set", "Port", "mgmt0", "tag=105"], async () => {
      return (await host().vsctl("get", "Port", "mgmt0", "tag")) === "100";
    });
    await repaired(["ovs-vsctl", "clear", "Port", "bond0", "trunks"], async () => {
      return (await host().vsctl("get", "Port", "bond0", "trunks")) === "[100, 105, 110, 120]";
    });
    await repaired(["ovs-vsctl", "del-port", "br-uplink", "mgmt0"], () => lab().reach(host().address));
    await repaired(["ovs-vsctl", "del-br", "br-uplink"], () => lab().reach(host().address));
  });

  test("in the kernel is repaired", async () => {
    const address = `${host().address}/24`;
    await repaired(["ip", "address", "del", address, "dev", "mgmt0"], () => lab().reach(host().address));
    await repaired(["ip", "link", "set", "mgmt0", "down"], () => lab().reach(host().address));
    await repaired(["ip", "link", "set", "em1", "down"], async () => {
      return /[<,]UP[,>]/.test((await host().exec(["ip", "-br", "link", "show", "em1"])).stdout);
    });
    await repaired(["ip", "route", "del", "default"], async () => {
      return (await host().exec(["ip", "route", "show", "default"])).stdout.includes("10.1.0.1");
    });
    await expectVerified(host());
  });

  test("that is Neutron's doing on our bridge is repaired: it stays a plain switch", async () => {
    await repaired(["ovs-vsctl", "set-fail-mode", "br-uplink", "secure"], async () => {
      return (await host().vsctl("get", "Bridge", "br-uplink", "fail_mode")) === "standalone";
    });
    await host().vsctl("set-fail-mode", "br-ex", "secure");
    await host().cli("network", "apply");
    expect(await host().vsctl("get", "Bridge", "br-ex", "fail_mode")).toBe("secure");
    expect(await lab().reach(host().address)).toBe(true);
  });
});

test("ports, addresses and routes of others survive changes and repairs", async () => {
  const foreign = async () => ({
    port: await host().vsctl("get", "Port", "tap-monitor", "_uuid", "tag", "external_ids"),
    ofport: await host().vsctl("get", "Interface", "tap-monitor", "ofport"),
    vip: (await addressesOf(host(), "mgmt0")).includes("10.1.0.100/32"),
    route: (await host().exec(["ip", "route", "show", "10.99.0.0/16"])).stdout,
    id: await host().vsctl("get", "Open_vSwitch", ".", "external_ids:inventory-id"),
  });
  await host().vsctl(
    ...["--", "add-port", "br-uplink", "tap-monitor", "tag=110", "external_ids:mine=yes"],
    ...["--", "set", "Interface", "tap-monitor", "type=internal"],
    ...["--", "set", "Open_vSwitch", ".", "external_ids:inventory-id=r7u12"],
  );
  await host().exec(["ip", "address", "add", "10.1.0.100/32", "dev", "mgmt0"]);
  await host().exec(["ip", "route", "add", "10.99.0.0/16", "via", "10.1.0.9", "dev", "mgmt0", "proto", "static"]);
  const before = await foreign();
  expect(before).toMatchObject({ vip: true });
  const mark = await reconfigure(host(), {
    addresses: { stor0: { vlan: "storage", ipv4: ["10.1.5.11/24"] } },
  });
  await agent().event("change", "confirmed", { from: mark });
  expect(await foreign()).toEqual(before);
  const back = await reconfigure(host(), null);
  await agent().event("change", "confirmed", { from: back });
  expect(await foreign()).toEqual(before);
  expect(await host().vsctl("list-ports", "br-uplink")).not.toContain("stor0");
  await host().vsctl("del-port", "tap-monitor");
});

test("a default route as NetworkManager makes it keeps its place beside ours, which wins", async () => {
  const defaults = async () => (await host().exec(["ip", "route", "show", "default"])).stdout;
  // In one go: the agent puts its own back at once.
  const lines = "route del default proto 220\nroute add default via 10.1.0.9 dev mgmt0 proto dhcp metric 100\n";
  expect((await host().exec(["ip", "-force", "-batch", "-"], { input: lines })).stderr).toBe("");
  await expect.poll(defaults).toMatch(/via 10\.1\.0\.1 dev mgmt0 proto 220/);
  expect(await defaults()).toMatch(/via 10\.1\.0\.9 dev mgmt0 proto dhcp metric 100/);
  expect((await host().exec(["ip", "route", "get", "192.0.2.1"])).stdout).toContain("via 10.1.0.1 ");
  await expectVerified(host());
  await host().exec(["ip", "route", "del", "default", "via", "10.1.0.9", "metric", "100"]);
});

test("addresses in any spelling, host routes and IPv6 are applied once and then as configured", async () => {
  const mark = await reconfigure(host(), {
    addresses: {
      mgmt0: {
        ipv6: ["FD00:1:100:0:0::0011/64"],
        routes: [
          { to: "10.9.0.5/32", via: "10.1.0.9" },
          { to: "fd00:9::/48", via: "FD00:1:100::0009" },
          { to: "::/0", via: "fd00:1:100::1" },
        ],
      },
    },
  });
  await agent().event("change", "confirmed", { from: mark });
  await expectVerified(host());
  expect((await lab().gateway("ping", "-6", "-c", "1", "-W", "1", "fd00:1:100::11")).code).toBe(0);
  const back = await reconfigure(host(), null);
  await agent().event("change", "confirmed", { from: back });
  expect((await host().exec(["ip", "-6", "route", "show", "proto", "220"])).stdout).toBe("");
  expect(await addressesOf(host(), "mgmt0")).not.toContain("fd00:1:100::11");
});

test("one cut after the other: the bond moves, without carrier everything stays, and comes back with a cable", async () => {
  const mac = await host().vsctl("get", "Port", "bond0", "bond_active_slave");
  const [active, standby] = mac.includes(host().nics[0].mac) ? ["em1", "em2"] : ["em2", "em1"];
  await using ping = lab().ping(host().address);
  await ping.answered();
  const mark = agent().mark();
  await lab().cut(host(), active);
  const moved = await agent().event("failover", undefined, { from: mark });
  expect(moved).toMatchObject({ from: active, to: standby });
  await ping.answered();
  await lab().cut(host(), standby);
  await ping.silent(300);
  await agent().waitFor((line) => JSON.stringify(line.problems ?? "").match(/E_NIC_NO_CARRIER/g)?.length === 2, {
    from: mark,
  });
  expect(await addressesOf(host(), "mgmt0")).toContain(host().address);
  await lab().mend(host(), active);
  await ping.answered();
  await lab().mend(host(), standby);
  expect(agent().ended).toBeUndefined();
});

test("a NIC that vanishes and comes back is used again", async () => {
  const mark = agent().mark();
  await host().exec(["ip", "link", "set", "em2", "down"]);
  await host().exec(["ip", "link", "set", "em2", "name", "gone0"]);
  await agent().waitFor((line) => JSON.stringify(line.problems ?? "").includes("E_NIC_MISSING"), { from: mark });
  expect(await host().vsctl("list-ifaces", "br-uplink")).toContain("em2");
  await host().exec(["ip", "link", "set", "gone0", "down"]);
  await host().exec(["ip", "link", "set", "gone0", "name", "em2"]);
  await expect.poll(() => host().vsctl("get", "Interface", "em2", "link_state"), { timeout: 15_000 }).toBe("up");
  await expect.poll(async () => (await host().cli("network", "verify")).code, { timeout: 10_000 }).toBe(0);
});
