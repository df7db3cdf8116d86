import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { lastOf, listOf, parseIni, textOf } from "../../../agent/network/neutron/ini.ts";
import { kollaFiles } from "../../../agent/network/neutron/kolla.ts";
import { readNeutron } from "../../../agent/network/neutron/told.ts";
import { vlanWords } from "../../../agent/network/neutron/vlan-list.ts";
import { exampleNetwork } from "./example.ts";

const packaging = join(import.meta.dirname, "../../../packaging");

describe("a file in oslo.config's form", () => {
  const read = (text: string) => parseIni("a.ini", text);

  test.each([
    ["with either sign and spaces around it", "[ovs]\nkey = a:b=c", "a:b=c"],
    ["with a colon, which may come first", "[ovs]\nkey: a=b", "a=b"],
    ["with a comment sign in it, which is no comment there", "[ovs]\nkey = a # b", "a # b"],
    ["in quotes of one kind", "[ovs]\nkey = 'a b'", "a b"],
    ["with quotes that do not match", "[ovs]\nkey = 'a b\"", "'a b\""],
    ["that goes on in lines with white space before them", "[ovs]\nkey = a,\n  b,\n\tc", "a,\nb,\nc"],
    ["said twice, of which the last one counts", "[ovs]\nkey = a\n[other]\nkey = x\n[ovs]\nkey = b", "b"],
    ["in a section that is written in large letters", "[OVS]\nkey = a", "a"],
    ["in lines that end as on Windows", "[ovs]\r\nkey = a\r\n", "a"],
  ])("gives a value %s", (_, text, expected) => {
    const { assignments, bad } = read(text);
    expect(bad).toEqual([]);
    expect(textOf(lastOf(assignments, "ovs", "key"))).toBe(expected);
  });

  test.each([
    ["a continuation of nothing", "  a = b", 1],
    ["a continuation after an empty line", "[s]\na = b\n\n  c", 4],
    ["a continuation after a comment", "[s]\na = b\n# x\n  c", 4],
    ["a key before the first section", "a = b", 1],
    ["a section without an end", "[s\na = b", 1],
    ["a section without a name", "[]", 1],
    ["a line without a sign", "[s]\nab", 2],
    ["a line without a key", "[s]\n= b", 2],
  ])("is refused at its line for %s", (_, text, line) => {
    expect(read(text).bad[0]).toMatchObject({ file: "a.ini", line });
  });

  test("says where a list was said, and takes empty items out", () => {
    const { assignments } = read("[ml2]\n\n# x\ntypes = vlan,\n  , vxlan\n");
    const found = lastOf(assignments, "ml2", "types");
    expect([listOf(found), found?.line]).toEqual([["vlan", "vxlan"], 4]);
  });
});

describe("what Neutron was told", () => {
  const agent = (text: string) => readNeutron({ agent: [{ file: "openvswitch_agent.ini", text }], server: [] });

  test("has Neutron's defaults where nothing is said", () => {
    expect(agent("")).toMatchObject({
      mappings: [],
      rangesKnown: false,
      integrationBridge: { value: "br-int" },
      tunnelBridge: undefined,
      datapath: { value: "system" },
      ovsdb: { value: "tcp:127.0.0.1:6640" },
      globalMtu: { value: 1500 },
      problems: [],
    });
  });

  test("is what the last of its files says", () => {
    const files = ["physnet1:br-ex", "physnet1:br-one, physnet2:br-two"].map((mappings, at) => ({
      file: `${at}.ini`,
      text: `[ovs]\nbridge_mappings = ${mappings}\n`,
    }));
    expect(readNeutron({ agent: files, server: [] }).mappings).toEqual([
      { value: { physnet: "physnet1", bridge: "br-one" }, at: { file: "1.ini", line: 2 } },
      { value: { physnet: "physnet2", bridge: "br-two" }, at: { file: "1.ini", line: 2 } },
    ]);
  });

  test.each([
    ["[ovs]\nbridge_mappings = br-ex", "physnet:bridge"],
    ["[ovs]\nbridge_mappings = physnet1:br-ex:x", "physnet:bridge"],
    ["[ml2_type_vlan]\nnetwork_vlan_ranges = physnet1:110", "physnet:first:last"],
    ["[ml2_type_vlan]\nnetwork_vlan_ranges = physnet1:120:110", "physnet:first:last"],
    ["[ml2_type_vlan]\nnetwork_vlan_ranges = physnet1:0:5", "physnet:first:last"],
    ["[ml2]\nphysical_network_mtus = physnet1", "physnet:MTU"],
    ["[DEFAULT]\nglobal_physnet_mtu = big", "a number"],
  ])("is refused at its line where it makes no sense: %j", (text, expected) => {
    expect(agent(text).problems).toMatchObject([
      { code: "E_NEUTRON_FILE", line: 2, expected: expect.stringContaining(expected) as string },
    ]);
  });
});

test("VLANs are told as runs", () => {
  expect(vlanWords([120, 110, 112, 111, 110])).toBe("110-112, 120");
});

describe("Kolla's settings", () => {
  const network = exampleNetwork();
  const files = kollaFiles(network) ?? {};

  test("that are shipped are those of the example configuration", () => {
    const folder = join(packaging, "kolla");
    const shipped = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name, readFileSync(join(folder, name), "utf8")]);
    expect(Object.fromEntries(shipped)).toEqual(files);
  });

  test("are YAML of texts alone, because Kolla compares texts", () => {
    expect(parse(files["globals.d/devcloud-agent.yml"] ?? "")).toEqual({
      enable_openvswitch: "no",
      neutron_plugin_agent: "openvswitch",
      network_interface: "mgmt0",
      neutron_bridge_name: "br-ex",
      neutron_physical_networks: "physnet1",
      neutron_external_interface: "unused0",
      enable_neutron_provider_networks: "yes",
    });
  });

  test("give Neutron the VLANs of the patch port and no others", () => {
    const told = readNeutron({
      agent: [],
      server: [{ file: "ml2_conf.ini", text: files["config/neutron/ml2_conf.ini"] ?? "" }],
    });
    expect(told.problems).toEqual([]);
    expect(told.ranges.map(({ value }) => value)).toEqual([
      { physnet: "physnet1", from: 110, to: 110 },
      { physnet: "physnet1", from: 120, to: 120 },
    ]);
  });

  test("have an interface for each of several bridges, and ranges without gaps as one", () => {
    if (network.neutron === undefined) throw new Error("the example has bridges for Neutron");
    const bridges = {
      "br-ex": { physnet: "physnet1", vlans: ["developers", "next"] },
      "br-two": { physnet: "physnet2", vlans: ["general"] },
    };
    const two = kollaFiles({
      ...network,
      vlans: { ...network.vlans, next: 111 },
      neutron: { ...network.neutron, bridges },
    });
    expect(parse(two?.["globals.d/devcloud-agent.yml"] ?? "")).toMatchObject({
      neutron_bridge_name: "br-ex,br-two",
      neutron_physical_networks: "physnet1,physnet2",
      neutron_external_interface: "unused0,unused1",
    });
    expect(two?.["config/neutron/ml2_conf.ini"]).toContain("= physnet1:110:111,physnet2:120:120\n");
  });

  test("are none for a host without a bridge for Neutron", () => {
    const { neutron: _, ...without } = network;
    expect(kollaFiles(without)).toBeUndefined();
  });
});
