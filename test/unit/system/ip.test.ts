import { describe, expect, test } from "vitest";
import { Ip, parseIp } from "../../../agent/system/ip.ts";

const link = (more: object): object => ({
  ifname: "em1",
  flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
  mtu: 1500,
  address: "24:6E:96:AA:00:01",
  addr_info: [],
  ...more,
});

const text = (links: readonly object[], routes: readonly object[]): string =>
  `${JSON.stringify(links)}\n${JSON.stringify(routes)}\n`;

describe("what ip prints", () => {
  test("becomes links with their permanent MAC, their bus, and what they stand on", () => {
    const { links } = parseIp(
      text(
        [
          link({ permaddr: "24:6e:96:aa:00:99", parentbus: "pci", parentdev: "0000:3b:00.1", master: "ovs-system" }),
          link({ ifname: "em1.5", link: "em1", linkinfo: { info_kind: "vlan" }, flags: ["BROADCAST"] }),
          link({ ifname: "usb0", parentbus: "usb", parentdev: "1-1" }),
        ],
        [],
      ),
    );
    expect(links).toMatchObject([
      { name: "em1", mac: "24:6e:96:aa:00:99", pci: "0000:3b:00.1", master: "ovs-system", up: true, carrier: true },
      { name: "em1.5", mac: "24:6e:96:aa:00:01", kind: "vlan", parent: "em1", up: false, carrier: false },
      { name: "usb0", mac: "24:6e:96:aa:00:01" },
    ]);
    expect(links[2]).not.toHaveProperty("pci");
  });

  test("becomes global addresses, and none that the kernel made by itself", () => {
    const addr_info = [
      { local: "10.1.0.17", prefixlen: 24, scope: "global" },
      { local: "fd00::17", prefixlen: 64, scope: "global" },
      { local: "fe80::1", prefixlen: 64, scope: "link" },
      { local: "127.0.0.1", prefixlen: 8, scope: "host" },
    ];
    expect(parseIp(text([link({ ifname: "mgmt0", addr_info })], [])).addresses).toEqual([
      { device: "mgmt0", address: "10.1.0.17/24" },
      { device: "mgmt0", address: "fd00::17/64" },
    ]);
  });

  test("becomes routes in the form of the configuration, also those of a single host", () => {
    const routes = [
      { dst: "default", gateway: "10.1.0.1", dev: "mgmt0" },
      { dst: "10.9.0.0/16", gateway: "10.1.0.9", dev: "mgmt0" },
      { dst: "10.9.0.5", gateway: "10.1.0.9", dev: "mgmt0" },
      { dst: "fd00:9::5", gateway: "fd00::9", dev: "mgmt0" },
      { dst: "10.7.0.0/16", dev: "mgmt0" },
    ];
    expect(parseIp(text([], routes)).routes.map(({ to, via }) => `${to} ${via}`)).toEqual([
      "default 10.1.0.1",
      "10.9.0.0/16 10.1.0.9",
      "10.9.0.5/32 10.1.0.9",
      "fd00:9::5/128 fd00::9",
    ]);
  });

  test.each(["", "[]\n", "[{}]\n[]\n", '[{"ifname":"x"}]\n[{"oops":1}]\n'])(
    "is refused when it is something else: %j",
    (other) => {
      expect(() => parseIp(other)).toThrow(expect.objectContaining({ code: "E_IP_FAILED" }));
    },
  );
});

describe("the ip of this machine", () => {
  test("answers looks that come at the same time and one after the other, each with its own", async () => {
    const ip = new Ip();
    const { signal } = new AbortController();
    const first = await Promise.all([ip.observe(signal), ip.observe(signal), ip.observe(signal)]);
    expect(first.map(({ links }) => links.some(({ name }) => name === "lo"))).toEqual([true, true, true]);
    const gone = new AbortController();
    const given = ip.observe(gone.signal);
    gone.abort(new Error("no time"));
    await expect(given).rejects.toThrow("no time");
    expect((await ip.observe(signal)).links.length).toBe(first[0]?.links.length);
    ip.close();
  });

  test("says what it has against a line, and does the others", async () => {
    const complaints = await new Ip().batch(["link show dev lo", "link show dev none7"], new AbortController().signal);
    expect(complaints.join()).toContain("none7");
  });

  test("does a batch in the process that was started for it, and the next one in another", async () => {
    const ip = new Ip();
    const { signal } = new AbortController();
    ip.prepare();
    ip.prepare();
    expect((await ip.batch(["link show dev none7"], signal)).join()).toContain("none7");
    expect((await ip.batch(["link show dev none8"], signal)).join()).toContain("none8");
    ip.prepare();
    const gone = new AbortController();
    const given = ip.batch(["link show dev lo"], gone.signal);
    gone.abort(new Error("no time"));
    await expect(given).rejects.toThrow("no time");
    ip.prepare();
    ip.close();
    await expect(ip.batch(["link show dev lo"], AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
  });
});
