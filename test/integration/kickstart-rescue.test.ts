import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ROUTE_METRIC, ROUTE_PROTOCOL } from "../../agent/network/target.ts";
import { openStateStore } from "../../agent/system/state-store.ts";
import { readFleet } from "../../kickstart/fleet.ts";
import { managementOf } from "../../kickstart/network-line.ts";
import { rescueScript } from "../../kickstart/rescue.ts";
import { run } from "../lab/command.ts";

const example = join(import.meta.dirname, "../../packaging/usr/share/doc/devcloud-agent/fleet.yaml");

/** The script of the example's first host, whose gateway is 10.1.0.1 on VLAN 100, with a tag or without. */
function script(native = false): string {
  const text = readFileSync(example, "utf8");
  const fleet = native ? text.replace("mode: active-backup", "mode: active-backup, native_vlan: management") : text;
  const result = readFleet("fleet.yaml", fleet);
  const network = result.ok ? result.hosts[0]?.settings.network : undefined;
  const management = network && managementOf(network);
  if (network === undefined || management === undefined) throw new Error("the example of a fleet is not valid");
  return rescueScript(network, management);
}

/*
 * The way without the agent and without its port: a VLAN of the kernel, which this kernel may lack. So the shell and the script are
 * real, `ip`, `ping`, `sleep` and the agent's program are recorders on the PATH, and the NICs are files.
 */
describe("the rescue of the first boot, where nothing made the port", () => {
  let folder = "";
  const program = async (name: string, lines: string): Promise<void> =>
    writeFile(join(folder, "bin", name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  const nic = async (name: string, mac: string): Promise<void> => {
    await mkdir(join(folder, "net", name), { recursive: true });
    await writeFile(join(folder, "net", name, "address"), `${mac}\n`);
    await symlink("..", join(folder, "net", name, "device"));
  };
  const rescue = async () => {
    const start =
      'mount --bind "$1/net" /sys/class/net && DEVCLOUD_ROOT="$1" PATH="$1/bin:$PATH" exec sh "$1/rescue.sh"';
    const { code, stderr } = await run(["unshare", "--mount", "sh", "-c", start, "sh", folder]);
    const trace = (await readFile(join(folder, "trace"), "utf8")).split("\n").filter(Boolean);
    return { code, stderr, changes: trace.filter((line) => !line.startsWith("link show")) };
  };
  const tried = (name: string): string[] => [
    `link add link ${name} name dc-vlan100 type vlan id 100`,
    "link set dev dc-vlan100 up",
    "address replace 10.1.0.17/24 dev dc-vlan100",
    `route replace default via 10.1.0.1 dev dc-vlan100 proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`,
  ];
  const up = ["link set dev eno1 up", "link set dev eno2 up"];
  const away = "link delete dev dc-vlan100";

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "devcloud-rescue-"));
    await mkdir(join(folder, "bin"));
    await writeFile(join(folder, "rescue.sh"), script());
    // The kernel's names are not those of the model; the bond that Open vSwitch may have has a MAC address of a NIC as well.
    await nic("eno1", "24:6e:96:aa:07:01");
    await nic("eno2", "24:6e:96:aa:07:02");
    await nic("bond9", "24:6e:96:aa:07:02");
    await rm(join(folder, "net/bond9/device"));
    await program(
      "ip",
      `echo "$*" >>'${folder}/trace'
case "$*" in "link show dev mgmt0") exit 1 ;; "link add"*) echo "$4" >'${folder}/below' ;; esac`,
    );
    await program("sleep", ":");
    await program("devcloud-agent", "exit 127");
    await program("ping", "exit 1");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("puts the address on a VLAN of the first NIC from which the gateway answers, and takes away the other", async () => {
    await program("ping", `[ "$*" = "-4 -c 1 -W 2 -I dc-vlan100 10.1.0.1" ] && [ "$(cat '${folder}/below')" = eno2 ]`);
    const { code, stderr, changes } = await rescue();
    expect(code, stderr).toBe(0);
    expect(changes).toEqual([...up, ...tried("eno1"), away, ...tried("eno2")]);
    expect(stderr).toContain("10.1.0.17/24 is on VLAN 100 of eno2");
    const onUnreadable = () => expect.unreachable();
    const state = openStateStore(join(folder, "var/lib/devcloud-agent/network"), { onUnreadable, keepAside: false });
    expect(await state.read("ledger")).toEqual({ addresses: [{ device: "dc-vlan100", address: "10.1.0.17/24" }] });
  });

  test("leaves nothing behind where the gateway answers from no NIC", async () => {
    const { code, stderr, changes } = await rescue();
    expect(code).toBe(1);
    expect(changes).toEqual([...up, ...tried("eno1"), away, ...tried("eno2"), away]);
    expect(stderr).toContain("the gateway 10.1.0.1 answers on no NIC");
  });

  test("puts the address on the NIC itself where the management VLAN has no tag on the cable", async () => {
    await writeFile(join(folder, "rescue.sh"), script(true));
    await program("ping", '[ "$*" = "-4 -c 1 -W 2 -I eno2 10.1.0.1" ]');
    const { code, stderr, changes } = await rescue();
    expect(code, stderr).toBe(0);
    const route = (name: string) => `default via 10.1.0.1 dev ${name} proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`;
    const onNic = (name: string) => [
      `link set dev ${name} up`,
      `address replace 10.1.0.17/24 dev ${name}`,
      `route replace ${route(name)}`,
    ];
    const away = [`route delete ${route("eno1")}`, "address delete 10.1.0.17/24 dev eno1"];
    expect(changes).toEqual([...up, ...onNic("eno1"), ...away, ...onNic("eno2")]);
    expect(stderr).toContain("10.1.0.17/24 is on eno2");
  });

  test("passes over a NIC that is missing, and one that takes no VLAN", async () => {
    await rm(join(folder, "net/eno1"), { recursive: true });
    await program("ip", `echo "$*" >>'${folder}/trace'\ncase "$*" in "link show"* | "link add"*) exit 2 ;; esac`);
    const { code, changes } = await rescue();
    expect(code).toBe(1);
    expect(changes).toEqual(["link set dev eno2 up", "link add link eno2 name dc-vlan100 type vlan id 100"]);
  });

  test("leaves the port to the agent where its program is sound", async () => {
    await program("devcloud-agent", '[ "$1" = version ]');
    const { code, stderr, changes } = await rescue();
    expect(code).toBe(1);
    expect(changes).toEqual(up);
    expect(stderr).toContain("that is for the agent");
  });
});
