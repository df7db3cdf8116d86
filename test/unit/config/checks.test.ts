import { describe, expect, it } from "vitest";
import { complaints, MINIMAL, parse } from "./helpers.ts";

/** What the minimal configuration says with this laid above its network. */
function withNetwork(text: string): string[] {
  return complaints(parse(MINIMAL, `network: ${text}\n`));
}

const mgmt0 = (text: string) => `{ addresses: { mgmt0: ${text} } }`;

describe("what is right at its limit passes", () => {
  it.each([
    ["VLAN 1 and VLAN 4094", "{ vlans: { management: 1, last: 4094 } }"],
    ["a device name of 15 characters", "{ bond: { name: a23456789012345 } }"],
    [
      "a bridge of Neutron with 11 characters",
      "{ vlans: { t: 2 }, neutron: { bridges: { a2345678901: { physnet: p, vlans: [t] } } } }",
    ],
    ["a NIC with a dot in its name", '{ nics: { "eno1.5": { fabric: C } } }'],
    ["three members", "{ nics: { em3: { fabric: C } }, bond: { members: [em1, em2, em3], primary: em3 } }"],
    ["both addresses of a /31", mgmt0("{ ipv4: [10.1.0.0/31] }")],
    [
      "a host address alone, its gateway being link-local",
      mgmt0('{ ipv4: null, ipv6: ["2001:db8::1/128"], gateway: fe80::1 }'),
    ],
    ["a gateway inside the second net", mgmt0("{ ipv4: [10.9.0.1/24, 10.1.0.17/24] }")],
    [
      "a default gateway of each family",
      `{ addresses: { v6: { vlan: management, ipv6: ["2001:db8::2/64"], gateway: "2001:db8::1" } } }`,
    ],
    ["the bond's MTU for an address", "{ bond: { mtu: 9000 }, addresses: { mgmt0: { mtu: 9000 } } }"],
    ["IPv6's least MTU", mgmt0('{ mtu: 1280, ipv6: ["2001:db8::2/64"] }')],
    [
      "a default route of a family without gateway",
      mgmt0('{ ipv6: ["2001:db8::2/64"], routes: [{ to: "::/0", via: fe80::1 }] }'),
    ],
    [
      "a storage VLAN for Neutron, where the host's gateway is elsewhere",
      `{ vlans: { storage: 105 }, addresses: { st0: { vlan: storage, ipv4: [10.5.0.1/24] } }, neutron: { bridges: { br-ex: { physnet: p, vlans: [storage] } } } }`,
    ],
    ["no address at all, and a person who confirms", "{ mode: enforce, addresses: null, confirm: { by: operator } }"],
    ["no probe while it only observes", "{ addresses: null, probes: [] }"],
    ["gray_failure off, which is a word in YAML 1.2", "{ gray_failure: off }"],
    ["a system-id of one's own", "{ neutron: { system_id: cmp07 } }"],
  ])("%s", (_what, text) => {
    expect(withNetwork(text)).toEqual([]);
  });
});

describe("durations at the limits of those who count with them", () => {
  it("pass", () => {
    const timing = "timing: { boot_budget: 80s, apply_timeout: 20s, ovsdb_timeout: 20s, uplink_silent: 1001ms }\n";
    expect(complaints(parse(MINIMAL, timing))).toEqual([]);
  });
});

describe("what is wrong beyond its limit is named", () => {
  it.each([
    [
      "an address where every VLAN of ours counts",
      "{ vlans: { management: null, a: 5 }, addresses: { mgmt0: { vlan: a, gateway: null } }, neutron: { bridges: { br-ex: { physnet: p, vlans: [a] } } } }",
      ["E_CONFIG_MANAGEMENT_VLAN network.neutron.bridges.br-ex.vlans[0]"],
    ],
    [
      "a jumbo address on a bond that says no MTU",
      mgmt0("{ mtu: 9000 }"),
      ["E_CONFIG_MTU network.addresses.mgmt0.mtu"],
    ],
    [
      "too small an MTU for IPv6",
      mgmt0('{ mtu: 1279, ipv6: ["2001:db8::2/64"] }'),
      ["E_CONFIG_MTU network.addresses.mgmt0.mtu"],
    ],
    [
      "the net's own IPv6 address",
      mgmt0('{ ipv6: ["2001:db8::/64"] }'),
      ["E_CONFIG_HOST_ADDRESS network.addresses.mgmt0.ipv6[0]"],
    ],
    [
      "IPv4 in IPv6 clothes",
      mgmt0('{ ipv6: ["::ffff:10.1.0.1/120"] }'),
      ["E_CONFIG_HOST_ADDRESS network.addresses.mgmt0.ipv6[0]"],
    ],
    [
      "IPv6 in the list of IPv4",
      mgmt0('{ ipv4: ["2001:db8::1/64"] }'),
      ["E_CONFIG_VALUE network.addresses.mgmt0.ipv4[0]"],
    ],
    [
      "a route from one family to the other",
      mgmt0('{ routes: [{ to: "2001:db8::/32", via: 10.1.0.254 }] }'),
      ["E_CONFIG_ROUTE network.addresses.mgmt0.routes[0].via"],
    ],
    [
      "a second default route, written as a route",
      mgmt0("{ routes: [{ to: 0.0.0.0/0, via: 10.1.0.254 }] }"),
      ["E_CONFIG_DEFAULT_ROUTE network.addresses.mgmt0.routes[0]"],
    ],
    [
      "our bridge by its default name taken for Neutron",
      "{ vlans: { t: 2 }, neutron: { bridges: { br-uplink: { physnet: p, vlans: [t] } } } }",
      ["E_CONFIG_NAME_CLASH network.neutron.bridges.br-uplink"],
    ],
    [
      "a VLAN twice for Neutron",
      "{ vlans: { t: 2 }, neutron: { bridges: { br-ex: { physnet: p, vlans: [t, t] } } } }",
      ["E_CONFIG_DUPLICATE_VLAN network.neutron.bridges.br-ex.vlans[1]"],
    ],
    [
      "a deadline that the probes cannot meet",
      "{ confirm: { deadline: 3s, good: 3 } }",
      ["E_CONFIG_CONFIRM network.confirm.deadline"],
    ],
    ["nobody to confirm", "{ mode: enforce, probes: [] }", ["E_CONFIG_CONFIRM network.probes"]],
  ])("%s", (_what, text, expected) => {
    expect(withNetwork(text)).toEqual(expected);
  });

  it("the gateway, only when all addresses of the port were understood", () => {
    expect(withNetwork(mgmt0("{ ipv4: [10.9.0.300/24] }"))).toEqual(["E_CONFIG_VALUE network.addresses.mgmt0.ipv4[0]"]);
  });

  it("a VLAN by name, also when the id behind another name is wrong", () => {
    expect(withNetwork('{ vlans: { management: "100" } }')).toEqual(["E_CONFIG_TYPE network.vlans.management"]);
  });

  it("bounded, however long the text is", () => {
    const result = parse(
      `version: 1\nhost: { dns: ${"9".repeat(500_000)} }\ncontroller: { endpoints: ["ws://x/${"y".repeat(300_000)}"] }\n`,
    );
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result.ok || result.problems).length).toBeLessThan(5_000);
  });
});

describe("ways to the controller", () => {
  it.each(["wss://ctl.example.net/v1/opamp", "ws://127.0.0.1:4320/", "ws://[::1]:4320/", "ws://localhost/"])(
    "may be %s",
    (url) => {
      expect(complaints(parse(`version: 1\ncontroller: { endpoints: ["${url}"] }\n`))).toEqual([]);
    },
  );

  it.each([
    "ws://127.0.0.1.example.net/",
    "ws://10.1.0.1/",
    "http://127.0.0.1/",
    "wss://",
    "ctl.example.net",
    "wss://a:b@ctl/",
  ])("may not be %s", (url) => {
    expect(complaints(parse(`version: 1\ncontroller: { endpoints: ["${url}"] }\n`))).toHaveLength(1);
  });
});
