import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseFragments } from "../../../agent/config/load.ts";
import { adoptionOf, stagesOf } from "../../../agent/network/adopt.ts";
import { targetOf } from "../../../agent/network/desired.ts";
import { importNetwork } from "../../../agent/network/import.ts";
import { importedText } from "../../../agent/network/import-text.ts";
import { ipBatch } from "../../../agent/network/ip-batch.ts";
import type { KernelWhole, WholeLink } from "../../../agent/network/kernel.ts";
import type { Observed } from "../../../agent/network/observed.ts";
import { plan } from "../../../agent/network/plan.ts";
import { isIpStep } from "../../../agent/network/steps.ts";
import type { Target } from "../../../agent/network/target.ts";
import { parseAll } from "../../../agent/system/ip-whole.ts";
import { configOf, networkSettings } from "../../fakes/settings.ts";
import { observedOf } from "./cases.ts";

/** A host of test/cases/network-import, and more routes, as `ip` prints them. */
function kernelOf(name: string, more: readonly object[] = []): KernelWhole {
  const file = join(import.meta.dirname, "../../cases/network-import", name, "host.json");
  const { links, routes } = JSON.parse(readFileSync(file, "utf8")) as { links: object[]; routes: object[] };
  return parseAll(JSON.stringify(links), JSON.stringify([...routes, ...more]));
}

/** A host of test/cases/network-import with an empty Open vSwitch, and what a configuration of one address makes of it. */
function hostWith(whole: KernelWhole): { readonly observed: Observed; readonly target: Target } {
  const { links, addresses } = whole;
  const seen = observedOf({ links, addresses: addresses.map(({ device, address }) => ({ device, address })) });
  const observed = { ...seen, whole };
  const network = networkSettings();
  const storage = {
    vlan: "storage",
    ipv4: ["10.1.5.17/24"],
    ipv6: [],
    routes: [{ to: "10.9.0.0/16", via: "10.1.5.1" }],
  };
  const { mgmt0 } = network.addresses;
  if (mgmt0 === undefined) throw new Error("the fake has no mgmt0");
  const config = configOf({
    ...network,
    vlans: { ...network.vlans, storage: 105 },
    addresses: { mgmt0: { ...mgmt0, ipv6: ["fd00:1:100::17/64"] }, stor0: storage },
  });
  return { observed, target: targetOf(config, observed) };
}

function adopted(whole: KernelWhole) {
  const { observed, target } = hostWith(whole);
  const result = adoptionOf(target, observed, whole);
  if (!result.ok) throw new Error(result.why.join("; "));
  return { observed, target, ...result };
}

/** What its own import makes of a host. */
function importedHost(whole: KernelWhole): { readonly observed: Observed; readonly target: Target } {
  const result = importNetwork({ kernel: whole, dns: [] });
  if (!result.ok) throw new Error(result.why.join("; "));
  const read = parseFragments([{ file: "50-host.yaml", rank: 2, text: importedText(result.network) }]);
  if (!read.ok || read.settings.network === undefined) throw new Error(JSON.stringify(read));
  const { observed } = hostWith(whole);
  return { observed, target: targetOf(configOf(read.settings.network), observed) };
}

const lines = (target: Target, observed: Observed): readonly string[] =>
  ipBatch(plan(target, observed).filter(isIpStep));

/** The bond of test/cases/network-import, without its virtual address and its table of routes, which no configuration has. */
function kernelBond(): KernelWhole {
  const { links, addresses, routes } = kernelOf("kernel-bond-with-vlans");
  return {
    links,
    addresses: addresses.filter(({ address }) => address !== "10.1.0.200/32"),
    routes: routes.filter(({ table, family }) => table === 254 && family === 4),
  };
}

describe("the adoption of a bond of the kernel", () => {
  test("begins with its standby, and ends with the member that carried the traffic", () => {
    const { adoption } = adopted(kernelBond());
    expect([adoption.first, adoption.last]).toEqual([["em2"], ["em1"]]);
    expect(adoption.image.links.map(({ name }) => name)).toEqual([
      "bond0",
      "em1",
      "em2",
      "bond0.100",
      "bond0.105",
      "bond0.110",
    ]);
  });

  test("lets the standby go, moves the addresses in one batch, and only then takes the bond apart", () => {
    const { adoption, observed, target } = adopted(kernelBond());
    const stages = stagesOf(target, adoption);
    expect(lines(stages.prepared, observed).filter((line) => /em1|em2|bond0/.test(line))).toEqual([]);
    expect(lines(stages.released, observed).filter((line) => /em|bond/.test(line))).toEqual([
      "link set dev em2 nomaster",
      "link set dev em2 up",
    ]);
    expect(lines(stages.moved, observed).filter((line) => /dev bond0/.test(line))).toEqual([
      "route del default via 10.1.0.1 dev bond0.100 table 254 proto 3 metric 400",
      "route del 10.9.0.0/16 via 10.1.5.1 dev bond0.105 table 254 proto 3",
      "address del 10.1.0.17/24 dev bond0.100",
      "address del fd00:1:100::17/64 dev bond0.100",
      "address del 10.1.5.17/24 dev bond0.105",
    ]);
    const freed = lines(stages.freed, observed);
    expect(freed.indexOf("link set dev em1 nomaster")).toBeLessThan(freed.indexOf("link del dev bond0"));
    expect(freed.indexOf("link del dev bond0.100")).toBeLessThan(freed.indexOf("link del dev bond0"));
  });

  test("never has two NICs outside of one bond: each stage has at most one uplink port", () => {
    const { adoption, target } = adopted(kernelBond());
    for (const stage of Object.values<Target>({ ...stagesOf(target, adoption) })) {
      const nics = stage.bridges
        .flatMap(({ ports }) => ports)
        .filter(({ interfaces }) => interfaces.some(({ name }) => /^em/.test(name)));
      expect(nics.length).toBeLessThanOrEqual(1);
    }
  });

  test("is given back as it was: bond, members, VLANs, addresses, routes, in an order that the kernel takes", () => {
    const whole = kernelBond();
    const { adoption, observed } = adopted(whole);
    const nothing: Target = { bridges: [], managers: [], externalIds: {}, links: [], addresses: [], routes: [] };
    const bare: KernelWhole = {
      links: whole.links.flatMap(({ master: _, ...link }): WholeLink[] => (/bond0/.test(link.name) ? [] : [link])),
      addresses: [],
      routes: [],
    };
    const back = lines({ ...nothing, given: adoption.image }, { ...observed, whole: bare });
    expect(back.join("\n")).toMatchInlineSnapshot(`
      "link add name bond0 type bond mode active-backup
      link set dev bond0 type bond miimon 100
      link set dev bond0 type bond updelay 200
      link set dev bond0 type bond downdelay 0
      link set dev bond0 type bond use_carrier 1
      link set dev bond0 type bond fail_over_mac none
      link set dev bond0 type bond primary_reselect always
      link set dev bond0 type bond resend_igmp 1
      link set dev bond0 type bond num_grat_arp 1
      link set dev bond0 type bond all_slaves_active 0
      link set dev bond0 type bond min_links 0
      link add link bond0 name bond0.100 type vlan protocol 802.1Q id 100
      link add link bond0 name bond0.105 type vlan protocol 802.1Q id 105
      link add link bond0 name bond0.110 type vlan protocol 802.1Q id 110
      link set dev bond0 address 24:6e:96:aa:00:01
      link set dev bond0 mtu 1500
      link set dev bond0 type bond primary em2
      link set dev bond0 up
      link set dev em1 down
      link set dev em1 master bond0
      link set dev em1 up
      link set dev em2 down
      link set dev em2 master bond0
      link set dev em2 up
      link set dev bond0.100 address 24:6e:96:aa:00:01
      link set dev bond0.100 mtu 1500
      link set dev bond0.100 up
      link set dev bond0.105 address 24:6e:96:aa:00:01
      link set dev bond0.105 mtu 1500
      link set dev bond0.105 up
      link set dev bond0.110 address 24:6e:96:aa:00:01
      link set dev bond0.110 mtu 1500
      link set dev bond0.110 up
      address replace 10.1.0.17/24 dev bond0.100
      address replace fd00:1:100::17/64 dev bond0.100 nodad
      address replace 10.1.5.17/24 dev bond0.105
      route add default via 10.1.0.1 dev bond0.100 table 254 proto 3 metric 400
      route add 10.9.0.0/16 via 10.1.5.1 dev bond0.105 table 254 proto 3"
    `);
    expect(lines({ ...nothing, given: adoption.image }, { ...observed, whole })).toEqual([]);
  });
});

test("a NIC that carries its address on a VLAN of the kernel waits, and the free one goes first", () => {
  const { adoption, observed, target } = adopted(kernelOf("nic-with-a-vlan"));
  expect([adoption.first, adoption.last]).toEqual([["em2"], ["em1"]]);
  const { moved, whole } = stagesOf(target, adoption);
  expect(lines(moved, observed)).not.toContain("link del dev em1.100");
  expect(lines(whole, observed)).toContain("link del dev em1.100");
});

test.each([
  ["refused-lacp-of-the-kernel", "bond0 has the mode 802.3ad (LACP), not active-backup"],
  ["refused-linux-bridge", "br0 (bridge) is not something that can be adopted"],
  ["refused-addresses-on-two-nics", "em2 carries the address 10.2.0.17/24, which the configuration does not have"],
  ["kernel-bond-with-vlans", "bond0.100 carries the address 10.1.0.200/32, which the configuration does not have"],
])("what %s has is not taken over: %s", (name, why) => {
  const whole = kernelOf(name);
  const { observed, target } = hostWith(whole);
  const result = adoptionOf(target, observed, whole);
  expect(result.ok ? [] : result.why).toContain(why);
});

const route = (more: object): object => ({
  type: "1",
  dst: "default",
  dev: "em1",
  table: "254",
  protocol: "4",
  flags: [],
  ...more,
});
const six = { pref: "medium", metric: 1024 };

describe("a route of a host that is to be adopted is never dropped:", () => {
  test.each([
    ["a default of the other family", route({ gateway: "fe80::2", ...six }), "the route ::/0 via fe80::2 on em1"],
    ["another next hop", route({ gateway: "10.1.0.2", metric: 9 }), "the route default via 10.1.0.2 on em1"],
    ["another table", route({ gateway: "10.1.0.1", table: "100" }), "via 10.1.0.1 on em1 is in table 100"],
    ["no next hop", route({ dst: "192.168.9.0/24", scope: "253" }), "192.168.9.0/24 on em1 has no next hop"],
    [
      "a next hop of IPv6",
      route({ via: { family: "inet6", host: "fe80::2" } }),
      "the route default via fe80::2 on em1",
    ],
    [
      "several next hops",
      route({ dst: "10.9.0.0/16", dev: undefined, nexthops: [{ gateway: "10.1.0.1", dev: "em1", weight: 1 }] }),
      "the route 10.9.0.0/16 via 10.1.0.1 on em1 is one of several next hops",
    ],
    [
      "a router's word",
      route({ gateway: "fe80::1", protocol: "9", ...six }),
      "::/0 via fe80::1 on em1 came from a router",
    ],
  ])("%s is a reason to refuse", (_, more, why) => {
    const whole = kernelOf("nic-untagged", [more]);
    const { observed, target } = hostWith(whole);
    const result = adoptionOf(target, observed, whole);
    expect(result.ok ? [] : result.why).toEqual([expect.stringContaining(why)]);
  });

  test.each([
    ["the net of an address that moves", route({ dst: "10.1.0.0/24", scope: "253", protocol: "3" })],
    ["the same for IPv6", route({ dst: "fd00:1:100::/64", protocol: "3", ...six })],
    ["what is link-local", route({ dst: "169.254.0.0/16", scope: "253", metric: 1002 })],
    ["a net that a router says is on the cable", route({ dst: "fd00:7::/64", protocol: "9", ...six })],
  ])("%s comes with the addresses, and is none", (_, more) => {
    const whole = kernelOf("nic-untagged", [more]);
    const { observed, target } = hostWith(whole);
    expect(adoptionOf(target, observed, whole)).toMatchObject({ ok: true });
  });
});

describe("a host that listens to routers", () => {
  const whole = kernelOf("nic-that-listens-to-routers");

  test("is not taken over by a configuration that leaves it without IPv6", () => {
    const { observed } = hostWith(whole);
    const target = targetOf(configOf(networkSettings()), observed);
    const result = adoptionOf(target, observed, whole);
    expect(result.ok ? [] : result.why).toEqual([
      "em1 has fd00:1:100:0:266e:96ff:feaa:1/64 from a router, and the configuration has no IPv6 address",
      "em2 has fd00:1:100:0:266e:96ff:feaa:2/64 from a router, and the configuration has no IPv6 address",
      "the route ::/0 via fe80::1 on em1 came from a router, and the configuration has no such route",
      "the route ::/0 via fe80::1 on em2 came from a router, and the configuration has no such route",
    ]);
  });

  test("keeps its address and its way out by what the import writes", () => {
    const { observed, target } = importedHost(whole);
    const result = adoptionOf(target, observed, whole);
    if (!result.ok) throw new Error(result.why.join("; "));
    const { moved } = stagesOf(target, result.adoption);
    expect(lines(moved, observed)).toContain("route add default via fe80::1 dev mgmt0 proto 220 metric 90");
    // What the router gave to the NIC stays there until the NIC is Open vSwitch's: a rollback before that finds it.
    expect(lines(moved, observed).filter((line) => / del .*(fd00|fe80)/.test(line))).toEqual([]);
  });

  test("is given its way out back for the time that it had, and its addresses by the router", () => {
    const { observed, target } = importedHost(whole);
    const result = adoptionOf(target, observed, whole);
    if (!result.ok) throw new Error(result.why.join("; "));
    const bare: KernelWhole = { ...whole, addresses: [], routes: [] };
    const nothing: Target = { bridges: [], managers: [], externalIds: {}, links: [], addresses: [], routes: [] };
    const back = lines({ ...nothing, given: result.adoption.image }, { ...observed, whole: bare });
    expect(back.filter((line) => /fe80|fd00/.test(line))).toEqual([
      "route add ::/0 via fe80::1 dev em1 table 254 proto 9 metric 1024 expires 1798",
      "route add ::/0 via fe80::1 dev em2 table 254 proto 9 metric 1024 expires 1798",
    ]);
  });
});

test.each([
  ["a port", {}, "mgmt0 (vlan) is here already: give that of the configuration another name"],
  ["the bridge", { bridge: "bond0" }, "bond0 (bond) is here already: give that of the configuration another name"],
])(
  "a device of the kernel that has the name of %s is a reason to refuse, because Open vSwitch could not make it",
  (_, more, why) => {
    const whole = kernelOf("kernel-bond-as-exported");
    const { observed } = hostWith(whole);
    const result = adoptionOf(targetOf(configOf(networkSettings(more)), observed), observed, whole);
    expect(result.ok ? [] : result.why).toContain(why);
  },
);

test.each(["kernel-bond-as-exported", "nic-that-listens-to-routers", "nic-untagged", "nic-with-a-vlan"])(
  "what the import writes of %s can be adopted as it is",
  (name) => {
    const whole = kernelOf(name);
    const { observed, target } = importedHost(whole);
    const result = adoptionOf(target, observed, whole);
    expect(result.ok ? [] : result.why).toEqual([]);
  },
);

test("a free NIC without a cable is not waited for: the move is one cut", () => {
  const { links, ...rest } = kernelOf("nic-with-a-vlan");
  const without = (up: boolean): KernelWhole => ({
    ...rest,
    links: links.map((link) => (link.name === "em2" ? { ...link, up, carrier: false } : link)),
  });
  const partsOf = (whole: KernelWhole) => {
    const { first, last } = adopted(whole).adoption;
    return { first, last };
  };
  expect(partsOf(without(true))).toEqual({ first: [], last: ["em1", "em2"] });
  // Whether there is one at a NIC that is down is known only once it is up.
  expect(partsOf(without(false))).toEqual({ first: ["em2"], last: ["em1"] });
});
