import { describe, expect, test } from "vitest";
import type { FakeHost } from "../../fakes/host.ts";
import { networkSettings } from "../../fakes/settings.ts";
import { Agent, codes, standingHost } from "./capability.ts";

const good = networkSettings();
const OWN = "10.1.0.17/24";

/** A host that was booted with addresses on a NIC of its bond, as an initramfs leaves them there. */
async function bootedWith(...addresses: readonly (readonly [device: string, address: string])[]): Promise<FakeHost> {
  const host = await standingHost();
  host.reboot();
  host.kernel.change("em1", { up: true, master: "ovs-system" });
  for (const [device, address] of addresses) host.kernel.addresses.push({ device, address });
  return host;
}

const addressesOf = (host: FakeHost): string[] =>
  host.kernel.addresses.map(({ device, address }) => `${address} on ${device}`);

describe("an address that was left on a member", () => {
  test("is taken off it where it is the host's own, once it is on its port", async () => {
    const host = await bootedWith(["em1", OWN]);
    const lines: string[] = [];
    const batch = host.kernel.batch.bind(host.kernel);
    host.kernel.batch = (all) => {
      lines.push(...all.filter((line) => line.startsWith("address")));
      return batch(all);
    };
    expect(await new Agent(host, { network: good }).pass()).toEqual({ state: "converged", problems: [] });
    expect(addressesOf(host)).toEqual([`${OWN} on mgmt0`]);
    expect(lines).toEqual([`address replace ${OWN} dev mgmt0`, `address del ${OWN} dev em1`]);
  });

  test("stays while the port cannot have it: it is not known which of the two is worse", async () => {
    const host = await bootedWith(["em1", OWN]);
    const batch = host.kernel.batch.bind(host.kernel);
    host.kernel.batch = (all) => batch(all.filter((line) => !line.startsWith("address replace")));
    await new Agent(host, { network: good }).pass().catch(() => undefined);
    expect(addressesOf(host)).toEqual([`${OWN} on em1`]);
  });

  test("and is none of the host's is told, and left alone with all that is on that NIC", async () => {
    const host = await bootedWith(["em1", OWN], ["em1", "10.1.0.18/24"]);
    const outcome = await new Agent(host, { network: good }).pass();
    expect(codes(outcome)).toEqual(["E_NIC_ADDRESS", "E_NIC_ADDRESS"]);
    const [, told] = outcome.problems;
    expect([told?.message, told?.path]).toEqual([
      expect.stringContaining("em1 carries the address 10.1.0.18/24"),
      "network.nics.em1",
    ]);
    expect(addressesOf(host)).toContain("10.1.0.18/24 on em1");
    expect(addressesOf(host)).toContain(`${OWN} on em1`);
  });

  test("is told where it is on a VLAN of the kernel's", async () => {
    const host = await bootedWith();
    host.kernel.addNic("em1.100", "02:00:00:00:00:01", { kind: "vlan", parent: "em1", up: true });
    host.kernel.addresses.push({ device: "em1.100", address: OWN });
    expect(codes(await new Agent(host, { network: good }).pass())).toEqual(["E_NIC_ADDRESS"]);
    expect(addressesOf(host)).toContain(`${OWN} on em1.100`);
  });

  test("is put there by somebody later, and goes in the steady state too", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: good });
    await agent.pass();
    host.kernel.addresses.push({ device: "em2", address: OWN });
    expect((await agent.pass()).state).toBe("converged");
    expect(addressesOf(host)).toEqual([`${OWN} on mgmt0`]);
    expect(agent.process.events).toContainEqual(
      expect.objectContaining({ event: "drift", change: `- address ${OWN} of em2` }),
    );
  });
});
