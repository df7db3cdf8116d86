import { afterEach, expect, test } from "vitest";
import type { Host } from "../../lab/host.ts";
import type { PingReport } from "../../lab/ping.ts";
import { asDelivered, expectVerified, sharedLab, stateOf } from "../network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;

afterEach(async () => host().agent?.stop("SIGKILL"));

/** A host as its installer left it: Open vSwitch is there and empty, the address is on a NIC, without a VLAN. */
async function plainNic({ standby = true } = {}): Promise<void> {
  await asDelivered(lab(), host());
  await lab().untag(host(), 100);
  await host().writeConfig(
    "60-test.yaml",
    {
      version: 1,
      network: { bond: { native_vlan: "management" }, confirm: { deadline: "4s" } },
      timing: { dead_man_grace: "300ms" },
    },
    "override",
  );
  if (!standby) await lab().cut(host(), "em2");
  const lines = [
    "link set em1 up",
    ...(standby ? ["link set em2 up"] : []),
    `address add ${host().address}/24 dev em1`,
    "route add default via 10.1.0.1 dev em1 proto static metric 100",
  ];
  await ip(...lines);
  await expect.poll(() => lab().reach(host().address)).toBe(true);
}

async function ip(...lines: readonly string[]): Promise<void> {
  const done = await host().exec(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  if (done.code !== 0) throw new Error(done.stderr);
}

/** What the kernel and Open vSwitch have, without what changes by itself. */
async function standingNow(): Promise<string> {
  const ask = async (...argv: string[]) => (await host().exec(argv)).stdout;
  const routes = await ask("ip", "route", "show", "table", "main");
  const addresses = (await ask("ip", "-br", "address", "show", "scope", "global")).replaceAll(/@if\d+/g, "");
  return [addresses, routes, await host().vsctl("list-br")].join("---\n");
}

async function routeOfIpv6(): Promise<string> {
  const { stdout } = await host().exec(["ip", "-6", "route", "show", "default"]);
  return stdout.replaceAll(/expires \d+sec/g, "expires *");
}

function tell(what: string, { sent, lost, maxGapMs }: PingReport): void {
  process.stdout.write(
    `    ${what}: ${lost} of ${sent} packets lost at 10 ms, longest gap ${Math.round(maxGapMs)} ms\n`,
  );
}

test("the address of a NIC moves to Open vSwitch by way of the standby NIC, and hardly a packet is lost", async () => {
  await plainNic();
  const plan = await host().cli("network", "plan");
  expect(plan.stdout).toContain("network apply --adopt");
  expect(plan.stdout).toMatch(/- address 10\.1\.0\.11\/24 of em1 .*management path/);
  expect(plan.code).toBe(3);
  const refused = await host().cli("network", "apply");
  expect([refused.code, refused.stdout + refused.stderr]).toEqual([4, expect.stringContaining("E_NETWORK_CONFLICT")]);
  await using ping = lab().ping(host().address);
  await ping.answered(20);
  const done = await host().cli("network", "apply", "--adopt");
  expect(`${done.code} ${done.stdout}${done.stderr}`).toMatch(/^0 /);
  expect(done.stderr).toMatch(/prepared[\s\S]*standby[\s\S]*moved[\s\S]*confirmed/);
  await ping.answered(20);
  const report = await ping.stop();
  tell("adopted by way of the standby NIC", report);
  expect(report.lost).toBeLessThanOrEqual(3);
  await expectVerified(host());
  const routes = (await host().exec(["ip", "route"])).stdout;
  expect(routes).toContain("10.1.0.0/24 dev mgmt0 proto kernel scope link src 10.1.0.11 \n");
  expect(routes).not.toContain("em1");
});

test("without a standby NIC it moves in one cut, and the daemon does it when a person says so", async () => {
  await plainNic({ standby: false });
  const agent = host().startAgent();
  await agent.waitFor((line) => line.event === "problems" && JSON.stringify(line).includes("E_NETWORK_CONFLICT"));
  await using ping = lab().ping(host().address);
  await ping.answered(20);
  const done = await host().cli("network", "apply", "--adopt");
  expect(`${done.code} ${done.stdout}${done.stderr}`).toMatch(/^0 /);
  await agent.event("change", "confirmed");
  await ping.answered(20);
  const report = await ping.stop();
  tell("adopted in one cut", report);
  expect(report.lost).toBeLessThanOrEqual(30);
  await lab().mend(host(), "em2");
});

test("an address or a route that the configuration does not have is never lost: it is named, and nothing is touched", async () => {
  await plainNic();
  await ip("address add 192.168.7.7/24 dev em1", "route add 10.9.0.0/16 via 10.1.0.1 dev em1");
  const before = await standingNow();
  const done = await host().cli("network", "apply", "--adopt");
  const said = done.stdout + done.stderr;
  expect(done.code, said).toBe(4);
  expect(said).toContain("em1 carries the address 192.168.7.7/24, which the configuration does not have");
  expect(said).toContain("the route 10.9.0.0/16 via 10.1.0.1 on em1 is not in the configuration");
  expect(await standingNow()).toBe(before);
});

test("the way out that a router gave is not lost: without one in the configuration nothing is touched, with one it moves", async () => {
  await plainNic();
  await ip(
    "address add fd00:1:100::11/64 dev em1 nodad",
    "route add ::/0 via fe80::1 dev em1 proto ra metric 1024 expires 900",
  );
  const six = (routes: { to: string; via: string }[]) => ({
    version: 1,
    network: { addresses: { mgmt0: { ipv6: ["fd00:1:100::11/64"], routes } } },
  });
  await host().writeConfig("70-six.yaml", six([]), "override");
  const before = await standingNow();
  const refused = await host().cli("network", "apply", "--adopt");
  expect([refused.code, refused.stdout + refused.stderr]).toEqual([
    4,
    expect.stringContaining("the route ::/0 via fe80::1 on em1 came from a router"),
  ]);
  expect(await standingNow()).toBe(before);
  await host().writeConfig("70-six.yaml", six([{ to: "::/0", via: "fe80::1" }]), "override");
  const done = await host().cli("network", "apply", "--adopt");
  expect(`${done.code} ${done.stdout}${done.stderr}`).toMatch(/^0 /);
  await expectVerified(host());
  expect(await routeOfIpv6()).toMatch(/^default via fe80::1 dev mgmt0 proto 220 metric 90 [^\n]*\n$/);
});

test("an adoption that cuts the host off is taken back to what the kernel had, IPv6 and all", async () => {
  await plainNic();
  await ip(
    "address add fd00:1:100::11/64 dev em1 nodad",
    "route add 169.254.0.0/16 dev em1 metric 1000",
    "route add ::/0 via fe80::1 dev em1 proto ra metric 100 expires 900",
  );
  // On the standby's switch port the VLAN has its tag, so nobody answers there.
  await lab().fabric.ovs.vsctl("set", "Port", "h1-em2", "vlan_mode=trunk", "--", "clear", "Port", "h1-em2", "tag");
  await host().writeConfig(
    "70-six.yaml",
    {
      version: 1,
      network: { addresses: { mgmt0: { ipv6: ["fd00:1:100::11/64"], routes: [{ to: "::/0", via: "fe80::2" }] } } },
    },
    "override",
  );
  const before = await standingNow();
  const wayOut = await routeOfIpv6();
  expect(wayOut).toMatch(/^default via fe80::1 dev em1 proto ra metric 100 expires \* /);
  const done = await host().cli("network", "apply", "--adopt");
  expect(`${done.code} ${done.stdout}`).toMatch(/^1 [\s\S]*gateway 10.1.0.1 does not answer/);
  expect(await standingNow()).toBe(before);
  expect(await lab().reach(host().address)).toBe(true);
  expect((await host().exec(["ip", "-6", "-br", "address", "show", "dev", "em1"])).stdout).toContain("fe80::");
  expect(await routeOfIpv6()).toBe(wayOut);
});

test("an agent that is killed at any step of an adoption leaves a dead-man that gives back what the kernel had", async () => {
  // A kill after every single effect is test/unit/network/adopt-crash.test.ts's, without packets.
  const steps = ["prepared", "standby", "moved", "committed", "probe"];
  await plainNic();
  for (const step of steps) {
    const before = await standingNow();
    await using ping = lab().ping(host().address);
    await ping.answered(5);
    const agent = host().startAgent();
    await agent.waitFor((line) => line.event === "problems" && JSON.stringify(line).includes("E_NETWORK_"));
    const applying = host().cli("network", "apply", "--adopt", "--retry", "--confirm");
    await agent.event("change", step);
    await agent.stop("SIGKILL");
    await applying;
    await expect
      .poll(() => [stateOf(host(), "pending"), stateOf(host(), "rolling-back")], { timeout: 20_000 })
      .toEqual([undefined, undefined]);
    await ping.answered(5);
    expect(await standingNow(), `killed at ${step}`).toBe(before);
    tell(`killed at ${step}, healed by the dead-man`, await ping.stop());
  }
}, 240_000);

test("a host that is rebooted in the middle of its adoption comes back with what the kernel had", async () => {
  await plainNic();
  const before = await standingNow();
  const agent = host().startAgent();
  await agent.waitFor((line) => line.event === "problems" && JSON.stringify(line).includes("E_NETWORK_"));
  const applying = host().cli("network", "apply", "--adopt", "--confirm");
  await agent.event("change", "probe");
  await host().reboot();
  await applying;
  await lab().untag(host(), 100);
  const next = host().startAgent();
  await next.waitFor((line) => line.event === "problems" && JSON.stringify(line).includes("E_NETWORK_ROLLED_BACK"));
  expect(await standingNow()).toBe(before);
  await expect.poll(() => lab().reach(host().address)).toBe(true);
});
