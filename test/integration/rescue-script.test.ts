import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { rescueScript } from "../../agent/network/rescue.ts";
import type { Target } from "../../agent/network/target.ts";
import { run } from "../lab/command.ts";
import { hostTools } from "../lab/tools.ts";

/** Untagged, as the kernel of a test may have no VLANs. */
const target: Target = {
  bridges: [
    {
      name: "br-uplink",
      columns: { datapath_type: "system" },
      ports: [
        {
          name: "bond0",
          columns: { bond_mode: ["active-backup"], vlan_mode: ["native-untagged"], tag: [100] },
          interfaces: ["em0", "em1"].map((name) => ({ name, columns: {} })),
        },
        { name: "mgmt0", columns: { tag: [100] }, interfaces: [{ name: "mgmt0", columns: { type: "internal" } }] },
      ],
    },
  ],
  managers: [],
  externalIds: {},
  links: ["em0", "em1", "mgmt0"],
  addresses: [{ device: "mgmt0", address: "10.1.0.17/24" }],
  routes: [{ to: "default", via: "10.1.0.1", device: "mgmt0" }],
};

/** A host whose Open vSwitch has made the port; its NIC em1 is on the gateway's cable, and em0 is gone. */
const host = `
cd "$1" && unshare --net sleep 60 &
gateway=$!
while [ "$(readlink /proc/$gateway/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.1; done
ip link add em1 type veth peer name cable netns $gateway
on_gateway() { nsenter --net --target $gateway "$@"; }
on_gateway sh -c 'ip address add 10.1.0.1/24 dev cable && ip link set dev cable up'
ip link add ovs-system type bridge
ip link add mgmt0 type veth peer name datapath
ip link set dev datapath up
eval "$2"
PATH="$1/bin:$PATH" sh "$1/rescue.sh"
echo "exit code $?"
ip -brief -4 address show up scope global
ip route show default
ping -n -c 1 -W 1 10.1.0.1 >/dev/null && echo "the gateway answers"
kill $gateway
`;

describe("the rescue of a host whose Open vSwitch has its ports", () => {
  let folder = "";
  const rescue = async (scene: string): Promise<string> => {
    const env = { ...process.env, ...(await hostTools(() => undefined)) };
    const { stdout, stderr } = await run(["unshare", "--net", "sh", "-c", host, "sh", folder, scene], { env });
    return `${stdout}${stderr}`;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "devcloud-rescue-"));
    await writeFile(join(folder, "rescue.sh"), rescueScript(target, join(folder, "ledger.json"), "{}"));
    await run(["mkdir", join(folder, "bin")]);
    await writeFile(join(folder, "bin/sleep"), "#!/bin/sh\n", { mode: 0o755 });
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is done where a NIC with carrier is Open vSwitch's", async () => {
    const said = await rescue("ip link set dev em1 master ovs-system");
    expect(said, said).toContain("exit code 0");
    expect(said).toMatch(/^mgmt0\S* +\S+ +10\.1\.0\.17\/24/m);
    expect(said).toContain("default via 10.1.0.1 dev mgmt0 proto 220 metric 90");
    expect(said).not.toMatch(/^em1\S* +\S+ +10\./m);
  });

  test("puts the address on the NIC that reaches the gateway where the NICs of Open vSwitch have other names", async () => {
    const said = await rescue(":");
    expect(said, said).toContain("exit code 0");
    expect(said).toMatch(/^em1\S* +\S+ +10\.1\.0\.17\/24/m);
    expect(said).toContain("default via 10.1.0.1 dev em1 proto 220 metric 90");
    expect(said).toContain("the gateway answers");
  });

  test.each([
    ["no NIC has carrier", "on_gateway ip link set dev cable down"],
    ["the gateway is silent, too", "on_gateway ip address flush dev cable"],
  ])("leaves the port as it has to be and asks for another try where %s", async (_, scene) => {
    const said = await rescue(scene);
    expect(said, said).toContain("exit code 1");
    expect(said).toMatch(/^mgmt0\S* +\S+ +10\.1\.0\.17\/24/m);
    expect(said).toContain("default via 10.1.0.1 dev mgmt0 proto 220 metric 90");
    expect(said).not.toMatch(/^em1\S* +\S+ +10\./m);
  });
});
