import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { AgentProcess, LogLine } from "../lab/agent.ts";
import type { Host } from "../lab/host.ts";
import { parseMetrics } from "./metrics/text.ts";
import { asDelivered, expectVerified, reconfigure, sharedLab, standing, stateOf, tells } from "./network-lab.ts";

const PATIENT = { timeout: 10_000 };

const lab = sharedLab();
const host = (): Host => lab().host;

/** Invalid, and each would open more than the defaults if half of it counted. */
const WRONG = {
  metrics: { listen: ["0.0.0.0:9464"], web_confg: "/none" },
  containers: { default: "restart", restart: "all" },
  controller: { endpoints: ["ws://10.9.9.9/"], allow: ["config:network"] },
};

beforeEach(() => asDelivered(lab(), host()));

async function get(url: string): Promise<string> {
  const script =
    "fetch(process.argv[1]).then(async (a) => console.log(await a.text()), (e) => console.log(e.cause.code))";
  return (await host().exec([process.execPath, "-e", script, url])).stdout.trim();
}

const listening = (line: LogLine): boolean => line.event === "listening";

async function statusOf() {
  return JSON.parse((await host().cli("status", "--json")).stdout) as Record<string, unknown>;
}

/** The agent of a host that begins, or goes on, with an invalid configuration: what it says everywhere. */
async function expectSaid(agent: AgentProcess, inForce: string, port = 9464): Promise<void> {
  const { on } = await agent.waitFor(listening);
  expect(on).toEqual([`127.0.0.1 ${port}`]);
  await agent.waitFor(tells("E_CONFIG_INVALID"));
  await expect
    .poll(statusOf, PATIENT)
    .toMatchObject({ configuration: { inForce, problem: { code: "E_CONFIG_INVALID" } } });
  expect(await get(`http://127.0.0.1:${port}/readyz`)).toMatch(/\nthe configuration is invalid, and /);
  const { samples } = parseMetrics(await get(`http://127.0.0.1:${port}/metrics`));
  expect(samples.get(`devcloud_config_in_force{settings="${inForce}"}`)).toBe(1);
  expect(samples.get('devcloud_config_in_force{settings="written"}')).toBe(0);
  expect((await host().cli("check-config")).code).toBe(2);
}

describe("an agent that starts with an invalid configuration", () => {
  test("goes on with the last good settings, and with what is written once that is mended", async () => {
    await host().writeConfig("60-test.yaml", { version: 1, metrics: { listen: ["127.0.0.1:9470"] } }, "override");
    const first = await standing(host());
    await first.waitFor(listening);
    const kept = join(host().root, "var/lib/devcloud-agent/configuration.json");
    await expect.poll(() => statSync(kept, { throwIfNoEntry: false })?.mode, PATIENT).toBe(0o100600);
    await first.stop();
    await host().writeConfig("60-test.yaml", { version: 1, ...WRONG }, "override");
    const agent = host().startAgent();
    await agent.event("net-ready");
    await expectSaid(agent, "last-good", 9470);
    await host().exec(["ip", "address", "del", `${host().address}/24`, "dev", "mgmt0"]);
    await agent.event("drift");
    expect(stateOf(host(), "pending")).toBeUndefined();
    const mark = await reconfigure(host(), null);
    await agent.waitFor(({ event, on }) => event === "listening" && String(on).includes(host().address), {
      from: mark,
    });
    expect(await statusOf()).toMatchObject({ configuration: { inForce: "written" }, network: { problems: [] } });
    await expect.poll(() => readFileSync(kept, "utf8"), PATIENT).not.toContain("9470");
  });

  test("and has no network yet takes one that is right by itself, and opens nothing else", async () => {
    await host().writeConfig("60-test.yaml", { version: 1, ...WRONG }, "override");
    const agent = await standing(host());
    await expectSaid(agent, "network-alone");
    expect(await lab().reach(host().address)).toBe(true);
    expect(await get(`http://${host().address}:9464/livez`)).toBe("ECONNREFUSED");
    expect(JSON.stringify((await statusOf()).controller ?? {})).not.toContain("endpoint");
    await agent.stop();
    const next = host().startAgent();
    await next.event("net-ready");
    await expectSaid(next, "none");
    expect(await get(`http://${host().address}:9464/livez`)).toBe("ECONNREFUSED");
    await reconfigure(host(), null);
    await next.waitFor(tells("E_CONFIG_INVALID"));
    await expect.poll(statusOf, PATIENT).toMatchObject({ configuration: { inForce: "written" } });
    await expectVerified(host());
  });

  test("and has no network yet changes nothing for one that is wrong, and opens loopback alone", async () => {
    const empty = await host().vsctl("show");
    const wrong = { version: 1, ...WRONG, network: { vlans: { management: 4095 } } };
    await host().writeConfig("60-test.yaml", wrong, "override");
    const agent = host().startAgent();
    await expectSaid(agent, "none");
    expect(await host().vsctl("show")).toBe(empty);
  });
});
