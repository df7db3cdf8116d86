import { describe, expect, test } from "vitest";
import { renderShown, type Shown } from "../../../agent/cli/network/show-render.ts";
import type { MemberStatus } from "../../../agent/web/status.ts";

const em1: MemberStatus = { nic: "em1", device: "em1", fabric: "A", link: "up", active: true };
const em2: MemberStatus = { nic: "em2", device: "em2", fabric: "B", link: "up", active: false };
const em3: MemberStatus = { nic: "em3", device: "em3", fabric: "C", link: "down", active: false };

function host(more: Partial<Shown> = {}): Shown {
  return {
    bridge: "br-uplink",
    bond: "bond0",
    members: [em1, em2],
    legs: {
      state: "told",
      legs: [em1, em2, em3].map(({ nic, fabric = "" }) => ({
        nic,
        device: nic,
        neighbors: [
          { device: nic, chassis: `00:00:5e:00:53:0${nic.at(-1)}`, name: `leaf-${fabric}`, port: "Eth1/7", vlans: [] },
        ],
      })),
    },
    vlans: { management: 100, general: 120 },
    devices: { mgmt0: "management" },
    wiring: {
      bridge: "br-uplink",
      bridgeStands: true,
      vlans: { management: 100, general: 120 },
      devices: ["mgmt0"],
      patches: [{ bridge: "br-ex", vlans: ["general"], stands: true }],
    },
    others: [],
    addresses: [{ device: "mgmt0", address: "10.1.0.11/24", vlan: 100 }],
    uplinks: { gray: { state: "alive", gateway: "10.1.0.1" }, avoided: [] },
    agent: "answers",
    ...more,
  };
}

const drawn = (shown: Shown, columns: number): string =>
  `\n${renderShown(shown, { isTty: false, canvas: { columns } })}`;

describe("the wiring in a terminal", () => {
  test("is boxes from left to right where there is room", () => {
    expect(drawn(host(), 120)).toMatchInlineSnapshot(`
      "
      ┌─────────────┐     ┌─────────────┐                                                  ┌──────────────────────┐
      │ Fabric A    │     │ em1         │                                                  │ mgmt0                │
      │ leaf-A      ╞═════╡ up, active  ╞══╗  ┌────────────────────┐     ┌───────────┐  ┌──┤ 10.1.0.11/24         │
      │ port Eth1/7 │     │             │  ║  │ bond0              │     │ br-uplink │  │  │ VLAN 100, management │
      └─────────────┘     └─────────────┘  ╠══╡ active-backup bond ╞═════╡ bridge    ├──┤  └──────────────────────┘
      ┌─────────────┐     ┌─────────────┐  │  │ em1 carries it     │     │ stands    │  │  ┌──────────────────────┐
      │ Fabric B    │     │ em2         │  │  └────────────────────┘     └───────────┘  │  │ br-ex                │
      │ leaf-B      │- - -│ up, standby │- ┘                                            └──┤ patch, VLANs 120     │
      │ port Eth1/7 │     │             │                                                  │ stands               │
      └─────────────┘     └─────────────┘                                                  └──────────────────────┘

      VLANs on the trunk: 100 management, 120 general
      "
    `);
  });

  test("is a tree where there is none, and no line of it is wider than the terminal", () => {
    const picture = drawn(host(), 60);
    expect(picture).toMatchInlineSnapshot(`
      "
      Fabric A ═══ em1 ═══╗  up, active
                          ║  leaf-A, port Eth1/7
      Fabric B - - em2 - -╢  up, standby
                          ║  leaf-B, port Eth1/7
                        bond0  active-backup bond, em1 carries it
                          ║
                      br-uplink  bridge, stands
                          ├─ mgmt0  VLAN 100, management
                          │         10.1.0.11/24
                          └─ br-ex  stands
                                    patch, VLANs 120

      VLANs on the trunk: 100 management, 120 general
      "
    `);
    expect(Math.max(...picture.split("\n").map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  test("shows what is cut with one NIC missing", () => {
    const members = [{ ...em1, link: "missing", active: false } as const, { ...em2, active: true }];
    expect(drawn(host({ members }), 120)).toMatchInlineSnapshot(`
      "
      ┌─────────────┐     ┌────────────┐                                                  ┌──────────────────────┐
      │ Fabric A    │     │ em1        │                                                  │ mgmt0                │
      │ leaf-A      │──x──│ missing    │─x   ┌────────────────────┐     ┌───────────┐  ┌──┤ 10.1.0.11/24         │
      │ port Eth1/7 │     │            │     │ bond0              │     │ br-uplink │  │  │ VLAN 100, management │
      └─────────────┘     └────────────┘  ╔══╡ active-backup bond ╞═════╡ bridge    ├──┤  └──────────────────────┘
      ┌─────────────┐     ┌────────────┐  ║  │ em2 carries it     │     │ stands    │  │  ┌──────────────────────┐
      │ Fabric B    │     │ em2        │  ║  └────────────────────┘     └───────────┘  │  │ br-ex                │
      │ leaf-B      ╞═════╡ up, active ╞══╝                                            └──┤ patch, VLANs 120     │
      │ port Eth1/7 │     │            │                                                  │ stands               │
      └─────────────┘     └────────────┘                                                  └──────────────────────┘

      VLANs on the trunk: 100 management, 120 general
      "
    `);
    expect(drawn(host({ members }), 60)).toMatchInlineSnapshot(`
      "
      Fabric A ─x─ em1 ─x    missing
                             leaf-A, port Eth1/7
      Fabric B ═══ em2 ═══╗  up, active
                          ║  leaf-B, port Eth1/7
                        bond0  active-backup bond, em2 carries it
                          ║
                      br-uplink  bridge, stands
                          ├─ mgmt0  VLAN 100, management
                          │         10.1.0.11/24
                          └─ br-ex  stands
                                    patch, VLANs 120

      VLANs on the trunk: 100 management, 120 general
      "
    `);
  });

  test("shows three NICs, of which one is drained and one without a link", () => {
    const avoided = [{ nic: "em2", why: "drained", since: 0, until: Date.UTC(2026, 0, 31, 12) }] as const;
    const shown = host({
      members: [em1, em2, em3],
      uplinks: { gray: { state: "alive", gateway: "10.1.0.1" }, avoided },
    });
    expect(drawn(shown, 120)).toMatchInlineSnapshot(`
      "
      ┌─────────────┐     ┌─────────────┐
      │ Fabric A    │     │ em1         │
      │ leaf-A      ╞═════╡ up, active  ╞══╗                                               ┌──────────────────────┐
      │ port Eth1/7 │     │             │  ║                                               │ mgmt0                │
      └─────────────┘     └─────────────┘  ║                                            ┌──┤ 10.1.0.11/24         │
      ┌─────────────┐     ┌─────────────┐  ║  ┌────────────────────┐     ┌───────────┐  │  │ VLAN 100, management │
      │ Fabric B    │     │ em2         │  ║  │ bond0              │     │ br-uplink │  │  └──────────────────────┘
      │ leaf-B      │- - -│ up, standby │- ╩══╡ active-backup bond ╞═════╡ bridge    ├──┤  ┌──────────────────────┐
      │ port Eth1/7 │     │ drained     │     │ em1 carries it     │     │ stands    │  │  │ br-ex                │
      └─────────────┘     └─────────────┘     └────────────────────┘     └───────────┘  └──┤ patch, VLANs 120     │
      ┌─────────────┐     ┌─────────────┐                                                  │ stands               │
      │ Fabric C    │     │ em3         │                                                  └──────────────────────┘
      │ leaf-C      │──x──│ link down   │─x
      │ port Eth1/7 │     │             │
      └─────────────┘     └─────────────┘

      VLANs on the trunk: 100 management, 120 general
      em2: drained until 2026-01-31 12:00 UTC
      "
    `);
    expect(drawn(shown, 60)).toMatchInlineSnapshot(`
      "
      Fabric A ═══ em1 ═══╗  up, active
                          ║  leaf-A, port Eth1/7
      Fabric B - - em2 - -╢  up, standby, drained
                          ║  leaf-B, port Eth1/7
      Fabric C ─x─ em3 ─x ║  link down
                          ║  leaf-C, port Eth1/7
                        bond0  active-backup bond, em1 carries it
                          ║
                      br-uplink  bridge, stands
                          ├─ mgmt0  VLAN 100, management
                          │         10.1.0.11/24
                          └─ br-ex  stands
                                    patch, VLANs 120

      VLANs on the trunk: 100 management, 120 general
      em2: drained until 2026-01-31 12:00 UTC
      "
    `);
  });

  test("does without Neutron", () => {
    const { wiring } = host();
    const shown = host({ ...(wiring && { wiring: { ...wiring, patches: [] } }) });
    expect(drawn(shown, 120)).toMatchInlineSnapshot(`
      "
      ┌─────────────┐     ┌─────────────┐
      │ Fabric A    │     │ em1         │
      │ leaf-A      ╞═════╡ up, active  ╞══╗  ┌────────────────────┐     ┌───────────┐     ┌──────────────────────┐
      │ port Eth1/7 │     │             │  ║  │ bond0              │     │ br-uplink │     │ mgmt0                │
      └─────────────┘     └─────────────┘  ╠══╡ active-backup bond ╞═════╡ bridge    ├─────┤ 10.1.0.11/24         │
      ┌─────────────┐     ┌─────────────┐  │  │ em1 carries it     │     │ stands    │     │ VLAN 100, management │
      │ Fabric B    │     │ em2         │  │  └────────────────────┘     └───────────┘     └──────────────────────┘
      │ leaf-B      │- - -│ up, standby │- ┘
      │ port Eth1/7 │     │             │
      └─────────────┘     └─────────────┘

      VLANs on the trunk: 100 management, 120 general
      "
    `);
  });

  test("says first that the host stands on a low rung, then what people do, and last what is not ours", () => {
    const { wiring } = host();
    const members = [em1, em2].map((member) => ({ ...member, link: "unknown", active: false }) as const);
    const rung = { rung: 2, name: "kernel-vlan", nic: "em1", devices: ["em1.100"], why: "no", since: 0 } as const;
    const maintenance = { by: "operator", until: Date.UTC(2026, 0, 31, 12), reason: "new cards" } as const;
    const { bridgeStands: _, ...unseen } = wiring ?? { bridge: "", vlans: {}, devices: [], patches: [] };
    const others = [
      { object: "bridge br-uplink", field: "ports", current: "tap0", desired: null, owner: "foreign" },
    ] as const;
    const addresses = [{ device: "em1.100", address: "10.1.0.11/24", vlan: 100 }];
    expect(drawn(host({ members, rung, maintenance, wiring: unseen, others, addresses }), 80)).toMatchInlineSnapshot(`
      "
      Rung 2 of 3: the addresses are on em1.100, on em1, without Open vSwitch
      Maintenance until 2026-01-31T12:00:00Z: new cards

      Fabric A - - em1 - -┐  unknown
                          │  leaf-A, port Eth1/7
      Fabric B - - em2 - -┤  unknown
                          │  leaf-B, port Eth1/7
                        bond0  active-backup bond, unknown
                          │
                      br-uplink  bridge, unknown
                          ├─ em1.100  VLAN 100, management, stands in
                          │           10.1.0.11/24
                          └─ br-ex    stands
                                      patch, VLANs 120

      VLANs on the trunk: 100 management, 120 general
      Not ours, and left alone: port tap0 on br-uplink
      "
    `);
  });

  test("has colour only where that is wanted, and never a control character of a switch", () => {
    const legs = {
      state: "told",
      legs: [
        {
          nic: "em1",
          device: "em1",
          neighbors: [{ device: "em1", chassis: "x", name: "a\u001b[2J", port: "1", vlans: [] }],
        },
      ],
    } as const;
    for (const columns of [60, 140]) expect(drawn(host({ legs }), columns)).not.toContain("\u001b");
    expect(renderShown(host(), { isTty: true, canvas: { columns: 120 } })).toContain("\u001b[32m");
  });
});

describe("the wiring in a pipe", () => {
  test("is a plain list", () => {
    const avoided = [{ nic: "em2", why: "deaf", since: 0 }] as const;
    const gray = { state: "gateway-silent", gateway: "10.1.0.1", heard: ["x"] } as const;
    expect(`\n${renderShown(host({ uplinks: { gray, avoided } }), { isTty: false })}`).toMatchInlineSnapshot(`
      "
      The gateway 10.1.0.1 is silent; the uplink works
      links:
        em1 to A on leaf-A port Eth1/7 up, active
        em2 to B on leaf-B port Eth1/7 up, standby, deaf
      bond0 on br-uplink, trunk:
         100 management   mgmt0 10.1.0.11/24
         120 general      br-ex (Neutron)
      "
    `);
  });
});
