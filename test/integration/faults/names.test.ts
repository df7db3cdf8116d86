import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, test } from "vitest";
import type { AgentProcess } from "../../lab/agent.ts";
import type { ConfigMap } from "../../lab/config.ts";
import type { Host } from "../../lab/host.ts";
import { asDelivered, expectVerified, reconfigure, sharedLab, standing, stateOf } from "../network-lab.ts";

/*
 * A change after which only the names cannot be looked up any more: the host gets an address that the name server, behind the gateway,
 * does not answer.
 */

const lab = sharedLab();
const host = (): Host => lab().host;
const SERVER = "10.9.0.53";
const OTHER = "10.1.0.51";
const named: ConfigMap = { host: { dns: [SERVER] } };
const moved: ConfigMap = { addresses: { mgmt0: { ipv4: [`${OTHER}/24`] } }, confirm: { deadline: "4s" } };

beforeAll(async () => {
  await lab().gateway("ip", "address", "add", `${SERVER}/32`, "dev", "lo");
  await lab().gateway("ip", "rule", "add", "from", SERVER, "to", OTHER, "blackhole");
  const program = new URL("../../lab/name-server.mjs", import.meta.url).pathname;
  const command = `${process.execPath} ${program} ${SERVER} >/dev/null 2>&1 & echo $!`;
  const { stdout } = await lab().gateway("sh", "-c", command);
  return () => process.kill(Number(stdout), "SIGKILL");
});

beforeEach(async () => await asDelivered(lab(), host()));

/** Whether a name is found by way of the name servers of this host's resolv.conf. */
async function resolves(): Promise<boolean> {
  const text = await readFile(join(host().root, "etc/resolv.conf"), "utf8");
  const servers = [...text.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server);
  const script = `
    const resolver = new (require("node:dns").promises.Resolver)({ timeout: 500, tries: 2 });
    resolver.setServers(${JSON.stringify(servers)});
    resolver.resolve4("ctl.example.net").then((found) => console.log(found.join()), () => process.exit(1));`;
  const { code, stdout } = await host().exec([process.execPath, "-e", script]);
  return code === 0 && stdout.trim() === "192.0.2.1";
}

/** A host with a name server that answers it. */
async function resolving(network: ConfigMap = {}): Promise<AgentProcess> {
  await host().writeConfig("60-test.yaml", { version: 1, network, ...named }, "override");
  const agent = await standing(host());
  await expect.poll(resolves, { timeout: 10_000 }).toBe(true);
  return agent;
}

test("a change after which only names cannot be looked up is kept: a name server is no probe unless it is named as one", async () => {
  const agent = await resolving();
  const mark = await reconfigure(host(), moved, named);
  await agent.event("change", "confirmed", { from: mark });
  expect(await lab().reach(OTHER)).toBe(true);
  expect(await resolves()).toBe(false);
  // The servers are those of the configuration, and nobody asked whether they answer: nothing is told.
  await expectVerified(host());
  const { stdout } = await host().cli("status", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ ready: "yes", network: { problems: [] } });
});

test("and is taken back where the name server is named as a probe, with what did not answer", async () => {
  const agent = await resolving({ probes: ["gateway", `tcp:${SERVER}:53`] });
  const mark = await reconfigure(host(), { ...moved, probes: ["gateway", `tcp:${SERVER}:53`] }, named);
  const { reason } = await agent.event("change", "rolled-back", { from: mark });
  expect(reason).toContain(`tcp ${SERVER}:53 does not answer`);
  expect(await lab().reach(host().address)).toBe(true);
  expect(await resolves()).toBe(true);
  expect(JSON.stringify(stateOf(host(), "failed"))).toContain(`tcp ${SERVER}:53 does not answer`);
});
