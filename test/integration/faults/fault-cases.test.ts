import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { ConfigMap } from "../../lab/config.ts";
import type { Host } from "../../lab/host.ts";
import { asDelivered, expectVerified, PRUNED, reconfigure, sharedLab, standing, stateOf } from "../network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;
const storage: ConfigMap = { addresses: { stor0: { vlan: "storage", ipv4: ["10.1.5.11/24"] } } };

beforeEach(async () => await asDelivered(lab(), host()));

test("an ovsdb-server that dies between a transaction and its reply leaves the old network or the new one, and both answer", async () => {
  const agent = await standing(host());
  await using ping = lab().ping(host().address);
  await ping.answered();
  const mark = await reconfigure(host(), storage);
  await agent.event("change", "transaction", { from: mark });
  await host().killOvs("ovsdb");
  await host().ovs.startDaemon("ovsdb");
  const ended = await agent.waitFor(
    ({ event, step }) => event === "change" && (step === "confirmed" || step === "rolled-back"),
    { from: mark },
  );
  await ping.answered();
  expect(stateOf(host(), "pending")).toBeUndefined();
  const there = (await host().vsctl("list-ports", "br-uplink")).split("\n").includes("stor0");
  expect(there).toBe(ended.step === "confirmed");
  const { maxGapMs } = await ping.stop();
  process.stdout.write(`ovsdb-server killed under a transaction: ${String(ended.step)}, silent for ${maxGapMs} ms\n`);
});

test("a datapath that this kernel does not have is taken back, and the host answers again", async () => {
  const agent = await standing(host());
  await using ping = lab().ping(host().address);
  await ping.answered();
  const mark = await reconfigure(host(), { datapath: "system", confirm: { deadline: "6s" } });
  const { reason } = await agent.event("change", "rolled-back", { from: mark });
  await ping.answered();
  expect(await host().vsctl("get", "Bridge", "br-uplink", "datapath_type")).toBe("netdev");
  const { maxGapMs } = await ping.stop();
  process.stdout.write(`datapath unavailable: ${String(reason)}; silent for ${maxGapMs} ms\n`);
});

test("a wall clock that jumps in the middle of a change neither ends it nor keeps it from its end", async () => {
  const clock = join(host().root, "run", "wall-clock");
  await writeFile(clock, "0");
  const hook = new URL("../../fault/network/faults/clock-hook.mjs", import.meta.url).href;
  const agent = host().startAgent({ env: { NODE_OPTIONS: `--import=${hook}`, CHAOS_CLOCK: clock } });
  await agent.event("net-ready");
  await using ping = lab().ping(host().address);
  await ping.answered();
  for (const [at, hours] of [24, -48].entries()) {
    const mark = await reconfigure(host(), { ...(at === 0 ? storage : {}), confirm: { deadline: `${8 + at}s` } });
    await agent.event("change", "verified", { from: mark });
    await writeFile(clock, String(hours * 3_600_000));
    await agent.event("change", "confirmed", { from: mark });
  }
  expect((await ping.stop()).lost).toBeLessThanOrEqual(3);
  await using cut = lab().ping(host().address);
  await cut.answered();
  const mark = await reconfigure(host(), { vlans: { management: PRUNED }, confirm: { deadline: "3s" } });
  await agent.event("change", "verified", { from: mark });
  await writeFile(clock, "3600000");
  await agent.event("change", "rolled-back", { from: mark });
  await cut.answered();
  await reconfigure(host(), { confirm: { deadline: "9s" } });
  await expectVerified(host());
});
