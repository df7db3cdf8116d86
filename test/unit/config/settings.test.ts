import { describe, expect, it } from "vitest";
import { defaultTiming } from "../../../agent/config/timing.ts";
import { complaints, MINIMAL, parse } from "./helpers.ts";

describe("settings", () => {
  it("need no network: the agent then looks after none", () => {
    const result = parse("version: 1\n");
    expect(result.ok && result.settings).toEqual({
      version: 1,
      host: { dns: [] },
      dockerGate: { holdMs: 600_000, then: "start" },
      timing: defaultTiming,
    });
  });

  it("fill in what a network leaves open, and observe unless told to enforce", () => {
    const result = parse(MINIMAL);
    expect(result.ok && result.settings.network).toEqual({
      mode: "observe",
      datapath: "system",
      nics: { em1: { fabric: "A" }, em2: { fabric: "B" } },
      bond: {
        name: "bond0",
        members: ["em1", "em2"],
        mode: "active-backup",
        updelayMs: 30_000,
        downdelayMs: 0,
        detect: "carrier",
      },
      bridge: "br-uplink",
      vlans: { management: 100 },
      addresses: {
        mgmt0: { vlan: "management", ipv4: ["10.1.0.17/24"], ipv6: [], gateway: "10.1.0.1", routes: [] },
      },
      probes: [{ kind: "gateway" }],
      grayFailure: "alert",
      confirm: { deadlineMs: 120_000, by: "probes", good: 3 },
    });
  });

  it("have the same network hash whatever the order of the keys and the fragments", () => {
    const turned = parse("network: { mode: enforce, vlans: { b: 3, a: 2 } }", MINIMAL);
    const straight = parse(MINIMAL, "network: { vlans: { a: 2, b: 3 }, mode: enforce }");
    expect(turned.ok && straight.ok && turned.networkHash === straight.networkHash).toBe(true);
  });

  it("have another network hash when the network differs, and the same when only the rest does", () => {
    const hash = (...texts: string[]) => {
      const result = parse(...texts);
      return result.ok ? result.networkHash : complaints(result);
    };
    expect(hash(MINIMAL, "network: { vlans: { management: 101 } }")).not.toEqual(hash(MINIMAL));
    expect(hash(MINIMAL, "docker_gate: { hold: 1m }")).toEqual(hash(MINIMAL));
    expect(hash(MINIMAL)).toMatch(/^[0-9a-f]{64}$/);
  });

  it("write MAC and PCI addresses in lower case", () => {
    const nics = 'network: { nics: { em1: { mac: "24:6E:96:AA:00:01" }, em2: { pci: "0000:3B:00.1" } } }';
    const result = parse(MINIMAL, nics);
    expect(result.ok && result.settings.network?.nics).toEqual({
      em1: { mac: "24:6e:96:aa:00:01", fabric: "A" },
      em2: { pci: "0000:3b:00.1", fabric: "B" },
    });
  });

  it("take IPv6 in addresses, gateways, routes and probes", () => {
    const v6 = `network:
  addresses:
    mgmt0:
      ipv4: null
      ipv6: ["2001:db8:1::17/64"]
      gateway: fe80::1
      routes: [{ to: "2001:db8:9::/48", via: "2001:db8:1::fe" }]
  probes: ["tcp:[2001:db8:1::5]:22"]
`;
    const result = parse(MINIMAL, v6);
    expect(complaints(result)).toEqual([]);
    expect(result.ok && result.settings.network?.probes).toEqual([{ kind: "tcp", host: "2001:db8:1::5", port: 22 }]);
  });

  it("remember where each leaf was said last", () => {
    const { origins } = parse(MINIMAL, "# operator\nnetwork:\n  vlans: { management: 200 }\n");
    expect(origins).toContainEqual({
      path: "network.vlans.management",
      value: 200,
      file: "2.yaml",
      line: 3,
      column: 24,
    });
    expect(origins).toContainEqual({ path: "network.bond.name", value: "bond0", file: "1.yaml", line: 6, column: 17 });
  });
});

describe("warnings", () => {
  it.each([
    [
      "both cables in one fabric",
      "network: { nics: { em2: { fabric: A } } }",
      "warning E_CONFIG_ONE_FABRIC network.bond.members",
    ],
    [
      "a port without address",
      "network: { addresses: { s0: { vlan: management } } }",
      "warning E_CONFIG_NO_ADDRESS network.addresses.s0",
    ],
    [
      "one net on two ports",
      "network: { addresses: { s0: { vlan: management, ipv4: [10.1.0.18/24] } } }",
      "warning E_CONFIG_OVERLAP network.addresses.s0.ipv4[0]",
    ],
    ["an empty file", "", "warning E_CONFIG_FRAGMENT_EMPTY"],
  ])("tell of %s without refusing it", (_what, text, warning) => {
    const result = parse(MINIMAL, text);
    expect(result.ok).toBe(true);
    expect(complaints(result)).toEqual([warning]);
  });
});
