import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { must } from "../lab/command.ts";
import type { Host } from "../lab/host.ts";
import { createLab, type Lab } from "../lab/lab.ts";
import { identify, isAlive, namespaceAt, type ProcessId, processesIn, startOf } from "../lab/processes.ts";
import { labs, namespaceFile, remove, sweep, traces } from "../lab/registry.ts";
import { hostTools } from "../lab/tools.ts";

const quiet = { say: () => undefined };

function managementMac(host: Host): string {
  return host.nics[0].mac.replace(/^02/, "06");
}

/** What the agent will do, done by hand: bridge, bond, management port with its address. */
async function configureByHand(host: Host): Promise<void> {
  await host.vsctl(
    ...["--", "add-br", "br-uplink", "--", "set", "Bridge", "br-uplink", "datapath_type=netdev"],
    ...["--", "add-bond", "br-uplink", "bond0", "em1", "em2", "bond_mode=active-backup", "trunks=100,105,110,120"],
    ...["--", "add-port", "br-uplink", "mgmt0", "tag=100", "--", "set", "Interface", "mgmt0", "type=internal"],
    // As the agent does: a MAC that is drawn anew at each start would leave the gateway with a stale neighbour.
    ...["--", "set", "Interface", "mgmt0", `mac="${managementMac(host)}"`],
  );
  for (const device of ["em1", "em2", "mgmt0"]) await host.exec(["ip", "link", "set", device, "up"]);
  await host.exec(["ip", "address", "add", `${host.address}/24`, "dev", "mgmt0"]);
}

async function activeNic(host: Host): Promise<string> {
  const mac = await host.vsctl("get", "Port", "bond0", "bond_active_slave");
  const nic = host.nics.find((each) => mac.includes(each.mac));
  if (nic === undefined) throw new Error(`No NIC has the active MAC ${mac}`);
  return nic.name;
}

/** The namespaces of a lab as the kernel counts them. */
async function namespacesOf(id: string): Promise<string[]> {
  const names = (await readdir("/run/netns").catch(() => [])).filter((name) => name.startsWith(`dcl-${id}-`));
  const found = await Promise.all(names.map((name) => namespaceAt(namespaceFile(name))));
  return found.filter((inode) => inode !== undefined);
}

interface Traces {
  readonly id: string;
  readonly processes: readonly ProcessId[];
}

/** What a lab runs now, to look for later: a namespace's number may be given to another namespace, these cannot. */
async function remember(id: string): Promise<Traces> {
  const processes = await processesIn(new Set(await namespacesOf(id)));
  return { id, processes: processes.filter((pid) => startOf(pid) !== undefined).map(identify) };
}

/** Everything on the machine that still carries a lab's id, and every process of it that still lives. */
async function left({ id, processes }: Traces): Promise<string[]> {
  return [...(await traces(id)), ...processes.filter(isAlive).map(({ pid }) => `process ${pid}`)];
}

/** The machine's own interfaces and routes, and the places where a Docker installation of its own would show. */
async function machine(): Promise<string> {
  const links = await must(["ip", "-br", "link"]);
  const routes = await must(["ip", "route", "show", "table", "all"]);
  const etc = (await readdir("/etc")).join("\n");
  return [links, routes, etc, existsSync("/run/docker"), existsSync("/run/containerd")].join("\n");
}

interface OtherLab {
  readonly id: string;
  readonly pid: number;
  kill(): Promise<void>;
}

/** A lab that another process owns, with a configured host and a container running. */
async function labOfAnotherProcess(): Promise<OtherLab> {
  const program = `
    import { createLab } from ${JSON.stringify(import.meta.resolve("../lab/lab.ts"))};
    const lab = await createLab({ say: () => undefined });
    await lab.host.startDocker();
    await lab.host.docker.run("one");
    console.log(lab.id);
    setInterval(() => undefined, 60_000);
  `;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [id] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return {
    id,
    pid: child.pid ?? 0,
    kill: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function withLab(options: Parameters<typeof createLab>[0] = {}): Promise<Lab> {
  const lab = await createLab({ ...quiet, ...options });
  onTestFinished(() => lab.down());
  return lab;
}

describe("a lab", () => {
  test("goes up beside the machine's own network and leaves nothing when it goes down", async () => {
    const before = await machine();
    const lab = await withLab({ hosts: 2 });
    await configureByHand(lab.host);
    await lab.host.startDocker();
    await lab.host.docker.run("one");
    expect(await machine()).toBe(before);
    expect(await namespacesOf(lab.id)).toHaveLength(4);
    const up = await remember(lab.id);
    expect(up.processes.length).toBeGreaterThan(8);
    await lab.down();
    expect(await left(up)).toEqual([]);
    expect(await machine()).toBe(before);
  });

  test("that was killed is removed by the next run, and a second live one is not touched", async () => {
    const [dead, live] = await Promise.all([labOfAnotherProcess(), withLab()]);
    await configureByHand(live.host);
    const ping = live.ping(live.host.address);
    await ping.answered();
    const [before, kept] = [await remember(dead.id), await remember(live.id)];
    await dead.kill();
    expect(await left(before)).not.toEqual([]);
    const next = await withLab({ hosts: 0 });
    expect(await left(before)).toEqual([]);
    expect((await labs()).filter((lab) => lab.live).map((lab) => lab.id)).toEqual(
      expect.arrayContaining([live.id, next.id]),
    );
    expect(kept.processes.length).toBeGreaterThan(3);
    expect(kept.processes.filter((process) => !isAlive(process))).toEqual([]);
    await ping.answered(10);
    // A busy machine may drop a packet or three; a lab that is touched goes silent.
    expect((await ping.stop()).lost).toBeLessThanOrEqual(3);
  });

  test("of a live process is left alone by a sweep", async () => {
    const other = await labOfAnotherProcess();
    const env = { ...process.env, ...(await hostTools(quiet.say)) };
    expect(await sweep(env)).not.toContain(other.id);
    expect(await namespacesOf(other.id)).toHaveLength(3);
    await other.kill();
    await remove(other.id, env);
  });

  test("does not meet another one: the same addresses answer in each from its own host", async () => {
    const [one, two] = await Promise.all([withLab(), withLab()]);
    await configureByHand(one.host);
    expect(await one.reach(one.host.address)).toBe(true);
    expect(await two.reach(two.host.address)).toBe(false);
    await configureByHand(two.host);
    const neighbour = async (lab: Lab): Promise<string> => {
      expect(await lab.reach(lab.host.address)).toBe(true);
      return (await lab.gateway("ip", "neighbour", "show", lab.host.address)).stdout;
    };
    expect(await neighbour(one)).not.toBe(await neighbour(two));
    expect(one.host.nics.map((nic) => nic.mac)).not.toEqual(two.host.nics.map((nic) => nic.mac));
  });
});

describe("a host of the lab", () => {
  test("fails over when the active NIC loses carrier", async () => {
    const lab = await withLab();
    await configureByHand(lab.host);
    const ping = lab.ping(lab.host.address);
    await ping.answered();
    const active = await activeNic(lab.host);
    await lab.cut(lab.host, active);
    await ping.answered();
    await expect.poll(() => activeNic(lab.host)).not.toBe(active);
    await lab.mend(lab.host, active);
    await ping.answered();
    const report = await ping.stop();
    expect(report.received).toBeGreaterThan(0);
  });

  test("does not notice when the fabric behind the active NIC drops everything and carrier stays", async () => {
    const lab = await withLab();
    await configureByHand(lab.host);
    const ping = lab.ping(lab.host.address);
    await ping.answered();
    const active = await activeNic(lab.host);
    await lab.cut(lab.host, active, { loseCarrier: false });
    await ping.silent(500);
    expect(await activeNic(lab.host)).toBe(active);
    expect((await lab.host.exec(["cat", `/sys/class/net/${active}/carrier`])).stdout.trim()).toBe("1");
    await lab.mend(lab.host, active);
    await ping.answered();
    expect((await ping.stop()).lost).toBeGreaterThan(0);
  });

  test("is cut off while the fabric prunes its management VLAN", async () => {
    const lab = await withLab();
    await configureByHand(lab.host);
    expect(await lab.reach(lab.host.address)).toBe(true);
    await lab.prune(100);
    expect(await lab.reach(lab.host.address)).toBe(false);
    await lab.allow(100);
    expect(await lab.reach(lab.host.address)).toBe(true);
  });

  test("is seen by a capture to tag its management frames, on the active NIC only", async () => {
    const lab = await withLab();
    await configureByHand(lab.host);
    const active = await activeNic(lab.host);
    const filter = "not ip6 and not (vlan and ip6)";
    const [onActive, onOther] = await Promise.all([
      lab.capture(lab.host, active, { filter }),
      lab.capture(lab.host, active === "em1" ? "em2" : "em1", { filter }),
    ]);
    expect(await lab.reach(lab.host.address)).toBe(true);
    const reply = await onActive.waitFor((frame) => frame.etherType === 0x0800);
    expect(reply.vlan).toBe(100);
    const frames = await onActive.stop();
    expect(frames.every((frame) => frame.vlan === 100)).toBe(true);
    expect(await onOther.stop()).toEqual([]);
  });

  test("loses processes, /run and network at a reboot and keeps its files and its database", async () => {
    const lab = await withLab();
    const { host } = lab;
    await configureByHand(host);
    await host.startDocker();
    await host.docker.run("one");
    const container = await host.docker.processOf("one");
    const bootId = await readFile(`${host.root}/proc/sys/kernel/random/boot_id`, "utf8");
    await host.exec(["touch", "/run/gone"]);
    await host.writeConfig("90-kept.yaml", { version: 1 }, "override");
    await host.reboot();
    expect(container && isAlive(container)).toBe(false);
    expect(existsSync(`${host.root}/run/gone`)).toBe(false);
    expect(existsSync(`${host.root}/etc/devcloud-agent/override.d/90-kept.yaml`)).toBe(true);
    expect(await readFile(`${host.root}/proc/sys/kernel/random/boot_id`, "utf8")).not.toBe(bootId);
    expect(await host.vsctl("list-ports", "br-uplink")).toContain("bond0");
    expect((await host.exec(["ip", "-br", "address", "show", "dev", "mgmt0"])).stdout).not.toContain(host.address);
    for (const device of ["em1", "em2", "mgmt0"]) await host.exec(["ip", "link", "set", device, "up"]);
    await host.exec(["ip", "address", "add", `${host.address}/24`, "dev", "mgmt0"]);
    const ping = lab.ping(host.address);
    await ping.answered();
    await ping.stop();
  });

  test("has daemons that can be paused and resumed", async () => {
    const lab = await withLab();
    const { host } = lab;
    host.pauseOvs("vswitchd");
    const bump = await host.exec(["ovs-vsctl", "--timeout=1", "add-br", "br-test"]);
    expect(bump.code).not.toBe(0);
    host.resumeOvs("vswitchd");
    await host.vsctl(
      "--",
      "--may-exist",
      "add-br",
      "br-test",
      "--",
      "set",
      "Bridge",
      "br-test",
      "datapath_type=netdev",
    );
    await host.killOvs("ovsdb");
    expect((await host.exec(["ovs-vsctl", "--timeout=1", "show"])).code).not.toBe(0);
    await host.ovs.startDaemon("ovsdb");
    expect(await host.vsctl("br-exists", "br-test")).toBe("");
  });
});
