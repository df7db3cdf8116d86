import { existsSync, readFileSync, statSync } from "node:fs";
import { appendFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { AgentProcess } from "../lab/agent.ts";
import type { Host } from "../lab/host.ts";
import {
  asDelivered,
  expectVerified,
  reconfigure,
  sharedLab,
  standing,
  stateFile,
  stateOf,
  tells,
} from "./network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;

beforeEach(async () => {
  await host().agent?.stop("SIGKILL");
  await host().writeConfig("60-test.yaml", { version: 1 }, "override");
});

test("the control socket is root's and its group's, and a status comes from it", async () => {
  await appendFile(join(host().root, "etc/group"), "devcloud-agent:x:4242:\n");
  const agent = await standing(host());
  const socket = join(host().root, "run/devcloud-agent/control.sock");
  await expect.poll(() => existsSync(socket) && statSync(socket).gid).toBe(4242);
  const stat = statSync(socket);
  expect({ mode: stat.mode & 0o777, uid: stat.uid }).toEqual({ mode: 0o660, uid: 0 });
  const { stdout, code } = await host().cli("status", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    schema: "devcloud-agent/status/v1",
    ready: "yes",
    network: {
      problems: [],
      bond: {
        members: [
          { nic: "em1", link: "up" },
          { nic: "em2", link: "up" },
        ],
      },
    },
  });
  await agent.stop();
  expect((await host().cli("status")).code).toBe(1);
});

test("a second daemon writes nothing and says why, and takes over when the first one ends", async () => {
  const first = await standing(host());
  await using second = new AgentProcess(host().agentCommand("run"), host().env);
  await second.waitFor(tells("E_OVSDB_LOCKED"));
  const mark = first.mark();
  await host().exec(["ip", "address", "del", `${host().address}/24`, "dev", "mgmt0"]);
  await first.event("drift", undefined, { from: mark });
  expect(first.lines.slice(mark).filter(tells("E_OVSDB_LOCKED"))).toEqual([]);
  await first.stop("SIGKILL");
  await second.event("net-ready");
  await host().exec(["ip", "address", "del", `${host().address}/24`, "dev", "mgmt0"]);
  await second.event("drift");
  await expect.poll(() => lab().reach(host().address)).toBe(true);
});

test("a second daemon leaves the first one's control socket alone, also when it ends", async () => {
  const first = await standing(host());
  const answering = async (): Promise<unknown> => {
    const { stdout, code } = await host().cli("status", "--json");
    return code === 0 ? (JSON.parse(stdout) as { pid: unknown }).pid : stdout;
  };
  await expect.poll(answering, { timeout: 10_000 }).toBe(first.pid);
  await using second = new AgentProcess(host().agentCommand("run"), host().env);
  await second.waitFor((line) => JSON.stringify(line).includes("E_CONTROL_BUSY"));
  expect(await answering()).toBe(first.pid);
  await second.stop();
  expect(await answering()).toBe(first.pid);
});

test("a status of an agent that is stopped ends by itself and says that it does not answer", async () => {
  const agent = await standing(host());
  await expect.poll(async () => (await host().cli("status")).code, { timeout: 10_000 }).toBe(0);
  agent.kill("SIGSTOP");
  const { code, stdout, stderr } = await host()
    .cli("status")
    .finally(() => agent.kill("SIGCONT"));
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("E_CONTROL_TIMEOUT");
  await expect.poll(async () => (await host().cli("status")).code, { timeout: 10_000 }).toBe(0);
});

test("a plan leaves a damaged ledger where it is and says so on stderr, away from its JSON", async () => {
  await (await standing(host())).stop();
  const file = stateFile(host(), "ledger");
  const sound = readFileSync(file, "utf8");
  const damaged = sound.slice(0, -10);
  await writeFile(file, damaged);
  const { stdout, stderr } = await host().cli("network", "plan", "--json");
  expect(stderr).toContain("E_STATE_UNREADABLE");
  expect(stderr).toContain("ledger.json");
  expect(JSON.parse(stdout)).toMatchObject({ schema: "devcloud-agent/network-plan/v1" });
  expect(readFileSync(file, "utf8")).toBe(damaged);
  expect(existsSync(`${file}.unreadable`)).toBe(false);
  await writeFile(file, sound);
});

test("an invalid configuration after a reload is told, and the last good network is looked after as before", async () => {
  const agent = await standing(host());
  const mark = agent.mark();
  await host().writeConfig(
    "60-test.yaml",
    "version: 1\nnetwork: { vlans: { management: 4095 }, bonds: {} }\n",
    "override",
  );
  agent.kill("SIGHUP");
  const told = await agent.waitFor((line) => line.event === "problems" && Number(line.count) >= 2, { from: mark });
  expect(JSON.stringify(told)).toContain("60-test.yaml");
  await host().exec(["ip", "address", "del", `${host().address}/24`, "dev", "mgmt0"]);
  await agent.event("drift", undefined, { from: mark });
  await expect.poll(() => lab().reach(host().address)).toBe(true);
  expect((await host().cli("network", "apply")).code).toBe(2);
  await agent.stop("SIGKILL");
  const next = host().startAgent();
  await next.event("net-ready");
  await next.waitFor((line) => line.event === "problems" && Number(line.count) >= 2);
  const back = next.mark();
  await reconfigure(host(), null);
  await next.waitFor((line) => line.event === "problems" && line.count === 0, { from: back });
});

test("what is kept of the controller cannot be read: it is told, and the network stands by its configuration", async () => {
  const opamp = join(host().root, "var/lib/devcloud-agent/opamp");
  await rm(opamp, { recursive: true, force: true });
  await writeFile(opamp, "no folder");
  try {
    const agent = await standing(host());
    await agent.waitFor(({ problem }) => JSON.stringify(problem ?? {}).includes("session.json"));
    await expectVerified(host());
  } finally {
    await host().agent?.stop();
    await rm(opamp);
  }
});

test("ovsdb-server is killed and started again: the agent says so, comes back by itself, and repairs what changed", async () => {
  const agent = await standing(host());
  const mark = agent.mark();
  await host().killOvs("ovsdb");
  // Not asked here whether the host answers: without its database vswitchd polls no ports of the userspace datapath.
  await agent.waitFor(tells("E_OVSDB_UNREACHABLE"), { from: mark });
  await host().ovs.startDaemon("ovsdb");
  await host().vsctl("--no-wait", "set", "Port", "mgmt0", "tag=105");
  await agent.event("drift", undefined, { from: mark });
  await expect.poll(() => lab().reach(host().address), { timeout: 10_000 }).toBe(true);
  await expectVerified(host());
});

test("an ovsdb-server that is stopped answers nobody, and is not waited for for ever", async () => {
  const agent = await standing(host());
  const mark = agent.mark();
  host().pauseOvs("ovsdb");
  await host().exec(["ip", "address", "del", `${host().address}/24`, "dev", "mgmt0"]);
  await agent.waitFor(tells("E_OVSDB_UNREACHABLE"), { from: mark });
  const status = await host().cli("status");
  expect(status.code).toBe(1);
  host().resumeOvs("ovsdb");
  await expect.poll(() => lab().reach(host().address), { timeout: 15_000 }).toBe(true);
});

test("observing writes nothing, on a new host and on one that was enforced before", async () => {
  await asDelivered(lab(), host());
  const observe = { version: 1, network: { mode: "observe" } };
  await host().writeConfig("60-test.yaml", observe, "override");
  const empty = await host().vsctl("show");
  const agent = host().startAgent();
  await agent.event("net-ready");
  await agent.event("drift");
  expect((await host().cli("network", "apply")).code).toBe(4);
  expect((await host().cli("network", "plan")).code).toBe(3);
  expect(await host().vsctl("show")).toBe(empty);
  await agent.stop();

  await host().writeConfig("60-test.yaml", { version: 1 }, "override");
  await (await standing(host())).stop();
  await host().writeConfig("60-test.yaml", observe, "override");
  await host().vsctl("set", "Port", "mgmt0", "tag=105");
  const next = host().startAgent();
  await next.event("net-ready");
  await next.event("drift");
  expect(await host().vsctl("get", "Port", "mgmt0", "tag")).toBe("105");
  expect(stateOf(host(), "pending")).toBeUndefined();
});

test("SIGTERM ends the daemon at once and leaves the network as it is", async () => {
  await asDelivered(lab(), host());
  const agent = await standing(host());
  expect(await agent.stop()).toEqual({ code: 0, signal: null });
  expect(await lab().reach(host().address)).toBe(true);
  await expectVerified(host());
});
