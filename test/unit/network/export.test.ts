import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exportNetwork } from "../../../agent/network/export.ts";
import { keyfiles } from "../../../agent/network/export-keyfiles.ts";
import { ipScript } from "../../../agent/network/export-script.ts";
import type { Link } from "../../../agent/network/observed.ts";
import { networkSettings } from "../../fakes/settings.ts";

const golden = join(import.meta.dirname, "../../fixtures/network-export");

const link = (name: string, mac: string): Link => ({ name, mac, mtu: 1500, up: true, carrier: true, linkLocal: false });
const links = [link("eno1", "24:6e:96:aa:00:01"), link("em2", "24:6e:96:aa:00:02")];

/** One of everything: a NIC that the kernel calls otherwise, a native VLAN, both families, routes, an MTU, name servers. */
const settings = networkSettings({
  nics: { em1: { mac: "24:6e:96:aa:00:01", fabric: "A" }, em2: { fabric: "B" } },
  bond: { ...networkSettings().bond, primary: "em1", updelayMs: 250, mtu: 9000, nativeVlan: "developers" },
  addresses: {
    mgmt0: {
      vlan: "management",
      ipv4: ["10.1.0.17/24", "10.1.0.18/24"],
      ipv6: ["fd00:1:100::17/64"],
      gateway: "10.1.0.1",
      mtu: 1500,
      routes: [
        { to: "10.9.0.0/16", via: "10.1.0.254" },
        { to: "::/0", via: "fd00:1:100::1" },
      ],
    },
    dev0: { vlan: "developers", ipv4: ["10.1.10.17/24"], ipv6: [], routes: [] },
  },
});
const network = exportNetwork(settings, ["10.1.0.2", "fd00:1:100::2"], links);

describe("the way out of a network", () => {
  test("as a script is one that a shell reads, with the devices that are there", async () => {
    const script = ipScript(network);
    await expect(script).toMatchFileSnapshot(join(golden, "network.sh"));
    expect(spawnSync("sh", ["-n"], { input: script }).status).toBe(0);
    expect(script).toContain("ip link set dev eno1 master bond0");
  });

  test("as profiles of NetworkManager is a bond, its members, and a VLAN for each address that has a tag", async () => {
    const files = keyfiles(network, (name) => `uuid-of-${name}`);
    expect(files.map(({ name }) => name)).toEqual([
      "conf.d/90-devcloud-agent.conf",
      ...["bond0", "eno1", "em2", "mgmt0"].map((name) => `system-connections/${name}.nmconnection`),
    ]);
    for (const { name, text } of files) await expect(text).toMatchFileSnapshot(join(golden, name));
  });

  test("has one device for a VLAN, with all that the configuration's addresses have on it", () => {
    const v6 = { ipv4: [], ipv6: ["fd00:1:100::18/64"], gateway: "fd00:1:100::1", mtu: 9000 };
    const { bond, vlans, addresses } = settings;
    const both = networkSettings({
      bond,
      vlans,
      addresses: {
        ...addresses,
        api0: { vlan: "management", ...v6, routes: [{ to: "10.8.0.0/16", via: "10.1.0.254" }] },
        dev1: { vlan: "developers", ipv4: ["10.1.10.18/24"], ipv6: [], routes: [] },
      },
    });
    const shared = exportNetwork(both, [], links);
    expect(shared.ports.map(({ device, names }) => [device, ...names])).toEqual([
      ["mgmt0", "mgmt0", "api0"],
      ["bond0", "dev0", "dev1"],
    ]);
    const script = ipScript(shared);
    expect(script.match(/type vlan id \d+/g)).toEqual(["type vlan id 100"]);
    expect(script).toContain("ip address replace fd00:1:100::18/64 dev mgmt0 nodad");
    expect(script).toContain("ip -6 route replace default via fd00:1:100::1 dev mgmt0");
    expect(script).toContain("ip route replace 10.8.0.0/16 via 10.1.0.254 dev mgmt0");
    expect(script).toContain("ip link set dev mgmt0 mtu 1500");
    expect(script).toContain("ip address replace 10.1.10.18/24 dev bond0");
    const profiles = keyfiles(shared, (name) => name);
    expect(profiles.map(({ name }) => name.replace(/^.*\//, ""))).not.toContain("api0.nmconnection");
    const mgmt0 = profiles.find(({ name }) => name.endsWith("/mgmt0.nmconnection"))?.text;
    for (const line of ["gateway=10.1.0.1", "gateway=fd00:1:100::1", "address2=fd00:1:100::18/64"])
      expect(mgmt0).toContain(`${line}\n`);
  });

  test("takes the place of the very file that keeps NetworkManager off, and of what it says", () => {
    const handsOff = join(import.meta.dirname, "../../../packaging/usr/share/devcloud-agent/hands-off/NetworkManager");
    const [inCharge] = keyfiles(network, (name) => name);
    const settings = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(settings(readFileSync(join(handsOff, inCharge?.name ?? ""), "utf8"))).toContain("unmanaged-devices=*");
    expect(settings(inCharge?.text ?? "")).toEqual([]);
  });

  test("never writes into a script what a shell would take for more than a word", () => {
    const evil = { ...network, dns: ["10.1.0.2'; reboot; '"] };
    expect(() => ipScript(evil)).toThrow(/no place in a shell script/);
  });
});
