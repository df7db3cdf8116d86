import { expect, onTestFinished, test } from "vitest";
import { createLab } from "../lab/lab.ts";

test("the agent reports each failover with the NIC that it went from and the one that it went to", async () => {
  const lab = await createLab({ say: () => undefined });
  onTestFinished(() => lab.down());
  const { host } = lab;
  const agent = host.startAgent();
  await agent.event("change", "confirmed");
  await agent.event("net-ready");
  const ping = lab.ping(host.address);
  // Both members are enabled and quiet before the first cut.
  await ping.answered(80);
  const mac = await host.vsctl("get", "Port", "bond0", "bond_active_slave");
  const [first, second] = mac.includes(host.nics[0].mac) ? ["em1", "em2"] : ["em2", "em1"];
  await lab.cut(host, first);
  const there = await agent.event("failover");
  expect([there.from, there.to]).toEqual([first, second]);
  await lab.mend(host, first);
  await ping.answered(80);
  const mark = agent.mark();
  await lab.cut(host, second);
  const back = await agent.waitFor((line) => line.event === "failover" && line.to === first, { from: mark });
  expect(back.from).toBe(second);
  await ping.answered();
  expect((await ping.stop()).lost).toBeLessThan(100);
});
