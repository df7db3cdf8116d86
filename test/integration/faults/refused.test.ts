import { beforeEach, expect, test } from "vitest";
import type { Host } from "../../lab/host.ts";
import { asDelivered, reconfigure, sharedLab, standing, stateOf } from "../network-lab.ts";

/* What `network apply` refuses for safety: exit code 4, and nothing is changed. */

const lab = sharedLab();
const host = (): Host => lab().host;

beforeEach(async () => asDelivered(lab(), host()));

async function expectRefused(code: string, ...args: readonly string[]): Promise<void> {
  const done = await host().cli("network", "apply", ...args);
  expect([done.code, done.stdout + done.stderr]).toEqual([4, expect.stringContaining(code)]);
}

test("a network for Neutron's agent where OVN is at work, with the daemon and without it", async () => {
  await host().vsctl("set", "Open_vSwitch", ".", "external_ids:ovn-remote=tcp:10.1.0.5:6642");
  await expectRefused("E_NETWORK_OVN");
  expect(await host().vsctl("list-br")).toBe("");
  await host().vsctl("remove", "Open_vSwitch", ".", "external_ids", "ovn-remote");
  await standing(host());
  await host().vsctl("set", "Open_vSwitch", ".", "external_ids:ovn-remote=tcp:10.1.0.5:6642");
  await reconfigure(host(), { vlans: { backup: 130 } });
  await expectRefused("E_NETWORK_OVN");
  expect(await host().vsctl("get", "Port", "bond0", "trunks")).toBe("[100, 105, 110, 120]");
});

test("an adoption that waits for a person's word, while no daemon runs that could hear it", async () => {
  await host().writeConfig("60-test.yaml", { version: 1, network: { confirm: { by: "operator" } } }, "override");
  await host().exec(["ip", "link", "set", "em1", "up"]);
  await host().exec(["ip", "address", "add", `${host().address}/24`, "dev", "em1"]);
  await expectRefused("E_NETWORK_NO_DAEMON", "--adopt");
  expect(await host().vsctl("list-br")).toBe("");
  expect(stateOf(host(), "pending")).toBeUndefined();
});
