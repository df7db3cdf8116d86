import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { adoptionOf, stagesOf } from "../../../agent/network/adopt.ts";
import { targetOf } from "../../../agent/network/desired.ts";
import { ipBatch } from "../../../agent/network/ip-batch.ts";
import type { KernelWhole, WholeLink } from "../../../agent/network/kernel.ts";
import type { Observed } from "../../../agent/network/observed.ts";
import { plan } from "../../../agent/network/plan.ts";
import { isIpStep } from "../../../agent/network/steps.ts";
import type { Target } from "../../../agent/network/target.ts";
import { parseAll } from "../../../agent/system/ip-whole.ts";
import { configOf, networkSettings } from "../../fakes/settings.ts";
import { observedOf } from "./cases.ts";

function kernelOf(name: string): KernelWhole {
  const file = join(import.meta.dirname, "../../cases/network-import", name, "host.json");
  const { links, routes } = JSON.parse(readFileSync(file, "utf8")) as { links: object[]; routes: object[] };
  return parseAll(JSON.stringify(links), JSON.stringify(routes));
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
      "address del fd00:1:100:0:1::2/64 dev bond0.100",
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
