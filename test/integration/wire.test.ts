import { expect, onTestFinished, test } from "vitest";
import { createLab } from "../lab/lab.ts";

test("management frames leave tagged with their VLAN on the active NIC, and nothing leaves on the other", async () => {
  const lab = await createLab({ say: () => undefined });
  onTestFinished(() => lab.down());
  const { host } = lab;
  // As an installer leaves them: up, and greeting in IPv6, untagged.
  for (const nic of host.nics) await host.exec(["ip", "link", "set", nic.name, "up"]);
  const agent = host.startAgent();
  await agent.event("net-ready");
  const captures = await Promise.all(host.nics.map((nic) => host.capture(nic.name)));
  const ping = lab.ping(host.address);
  await ping.answered(50);
  await ping.stop();
  const mac = await host.vsctl("get", "Port", "bond0", "bond_active_slave");
  const active = host.nics.findIndex((nic) => mac.includes(nic.mac));
  const frames = await Promise.all(captures.map((capture) => capture.stop()));
  const [onActive = [], onOther = []] = active === 0 ? frames : frames.toReversed();
  expect(onActive.filter((frame) => frame.etherType === 0x0800).length).toBeGreaterThanOrEqual(50);
  expect(onActive.filter((frame) => frame.vlan !== 100)).toEqual([]);
  expect(onOther).toEqual([]);
});
