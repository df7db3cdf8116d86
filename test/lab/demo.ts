import type { AgentProcess, LogLine } from "./agent.ts";
import type { ConfigMap } from "./config.ts";
import { labVlans } from "./config.ts";
import { tourController } from "./demo-controller.ts";
import type { Host } from "./host.ts";
import { containerComesBack } from "./kolla-demo.ts";
import { createLab, type Lab } from "./lab.ts";
import type { Ping } from "./ping.ts";
import { isAlive, type ProcessId } from "./processes.ts";
import { traces } from "./registry.ts";
import { claim, paint, seconds, Walk } from "./walk.ts";

/** VLANs that the gateway has and the fabrics prune: a management network there cuts the host off. */
const prunedVlans = [130, 140, 150];
const storageAddress = "10.1.5.11";

/**
 * Walks through the agent's main job without anybody at the keyboard. Returns 0 only if every step happened and nothing
 * is left afterwards; 130 where `stop` aborted it.
 */
export async function demo(stop: AbortSignal): Promise<number> {
  const walk = new Walk();
  const begin = performance.now();
  let lab: Lab | undefined;
  let failure: unknown;
  try {
    await walk.step("Two fabrics, their gateways and a host with two NICs stand in network namespaces", async () => {
      const vlans = [...Object.values(labVlans), ...prunedVlans];
      lab = await createLab({ vlans, say: (line) => process.stdout.write(`      ${line}\n`) });
      for (const vlan of prunedVlans) await lab.prune(vlan);
      return `host ${lab.host.name} in ${lab.host.namespace}; the fabrics prune the VLANs ${prunedVlans.join(", ")}`;
    });
    if (lab === undefined) throw new Error("There is no lab");
    const running: Lab = lab;
    await Promise.race([new Tour(running, walk).go(), aborted(stop)]);
  } catch (error) {
    failure = error;
  }
  if (lab !== undefined)
    failure =
      (await takeDown(walk, lab).then(
        () => undefined,
        (error: unknown) => error,
      )) ?? failure;
  if (failure === undefined) {
    process.stdout.write(paint("green", `All of it happened, in ${seconds(performance.now() - begin)}.\n`));
    return 0;
  }
  process.stdout.write(`${failure instanceof Error ? failure.message : String(failure)}\n`);
  return stop.aborted ? 130 : 1;
}

async function aborted(stop: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const end = (): void => reject(new Error("Interrupted."));
    if (stop.aborted) end();
    else stop.addEventListener("abort", end, { once: true });
  });
}

async function takeDown(walk: Walk, lab: Lab): Promise<void> {
  await walk.step("Everything is taken down, and nothing of it is left", async () => {
    const inside = lab.hosts.flatMap((host) => [host.agent?.id, host.docker.process]).filter((id) => id !== undefined);
    await lab.down();
    const left = await traces(lab.id);
    claim(left.length === 0, `nothing is left (${left.join(", ")})`);
    claim(!inside.some(isAlive), "the agent and dockerd have ended");
    return undefined;
  });
}

/** The steps between the lab's coming up and its going down. */
class Tour {
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #walk: Walk;
  #agent: AgentProcess | undefined;
  #docker: ProcessId | undefined;
  #container: ProcessId | undefined;

  constructor(lab: Lab, walk: Walk) {
    this.#lab = lab;
    this.#host = lab.host;
    this.#walk = walk;
  }

  async go(): Promise<void> {
    await this.#boot();
    await this.#cables();
    await this.#goodChange();
    await this.#badChange();
    await this.#badChangeAndKill();
    await containerComesBack(this.#walk, this.#host, this.#running);
    await this.#metrics();
    const [, , prunedVlan = 0] = prunedVlans;
    await tourController({ lab: this.#lab, walk: this.#walk, agent: this.#running, prunedVlan });
    await this.#walk.step("Docker and its container have been running all the time", async () => {
      claim(this.#docker !== undefined && isAlive(this.#docker), "dockerd is the process that it was");
      claim(this.#container !== undefined && isAlive(this.#container), "the container is the process that it was");
      return `dockerd ${this.#docker.pid}, container ${this.#container.pid}`;
    });
  }

  async #metrics(): Promise<void> {
    await this.#walk.step("The host's metrics are asked for from outside, over the management network", async () => {
      const url = `http://${this.#host.address}:9464/metrics`;
      const { code, stdout } = await this.#lab.gateway("busybox", "wget", "-q", "-O", "-", url);
      claim(code === 0, `${url} answers`);
      const samples = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      for (const name of ["node_uname_info", "node_network_up", "ovs_bond_", "container_", "devcloud_build_info"]) {
        claim(
          samples.some((line) => line.startsWith(name)),
          `${name} is among them`,
        );
      }
      return `${samples.length} samples under the names of node_exporter and cAdvisor, and our own`;
    });
  }

  get #running(): AgentProcess {
    if (this.#agent === undefined) throw new Error("The agent was not started");
    return this.#agent;
  }

  async #boot(): Promise<void> {
    const host = this.#host;
    await host.writeConfig("50-host.yaml", host.config({ network: { confirm: { deadline: "4s" } } }));
    let docker: Promise<number> = Promise.resolve(0);
    await this.#walk.step("The host boots: Open vSwitch is empty, and Docker's start waits at the gate", async () => {
      docker = host.startDocker({ gate: true }).then(() => Date.now());
      docker.catch(() => undefined);
      claim((await host.vsctl("list-br")) === "", "Open vSwitch has no bridge");
      claim(!(await this.#lab.reach(host.address)), `${host.address} does not answer`);
      claim(host.docker.process === undefined, "dockerd does not run");
      return undefined;
    });
    let readyAt = 0;
    await this.#walk.step(
      "The agent starts; bond, VLAN and management address come up and the gateway gets replies",
      async () => {
        const begin = Date.now();
        this.#agent = host.startAgent();
        const netReady = await this.#agent.event("net-ready");
        readyAt = timeOf(netReady);
        await using ping = this.#lab.ping(host.address);
        await ping.answered();
        await this.#agent.event("change", "confirmed");
        return `${host.address} on VLAN 100 over bond0 (em1, em2), ${seconds(readyAt - begin)} after the agent's start`;
      },
    );
    await this.#walk.step("Only then Docker starts, and runs a container", async () => {
      const servedAt = await docker;
      claim(servedAt > readyAt, "Docker serves later than the network stands");
      await host.docker.run("demo");
      this.#docker = host.docker.process;
      this.#container = await host.docker.processOf("demo");
      claim(this.#container !== undefined, "the container runs");
      return `Docker served ${seconds(servedAt - readyAt)} after net-ready`;
    });
  }

  async #cables(): Promise<void> {
    const lab = this.#lab;
    const host = this.#host;
    const first = await this.#activeNic();
    const second = first === "em1" ? "em2" : "em1";
    await this.#walk.step(`The cable of ${first} is cut: ${second} takes over`, async () => {
      await using ping = lab.ping(host.address);
      // A second of quiet first: a broadcast of the host's that comes back through the other fabric in the very moment of
      // the failover makes Open vSwitch look for the host's MAC outside, for up to half a second.
      await ping.answered(80);
      const mark = this.#running.mark();
      await lab.cut(host, first);
      await ping.answered();
      const told = await this.#running.event("failover", undefined, { from: mark });
      claim(told.from === first && told.to === second, `the agent tells that ${second} took over from ${first}`);
      return report(await ping.stop());
    });
    await this.#walk.step(
      `The cable of ${second} is cut too: the host is off the net, and the agent and Docker stay`,
      async () => {
        await using ping = lab.ping(host.address);
        await ping.answered();
        await lab.cut(host, second);
        await ping.silent(500);
        claim(this.#running.ended === undefined, "the agent runs");
        claim(this.#docker !== undefined && isAlive(this.#docker), "dockerd runs");
        return undefined;
      },
    );
    await this.#walk.step(`The cable of ${first} is back: the gateway gets replies again`, async () => {
      await using ping = lab.ping(host.address);
      await lab.mend(host, first);
      await ping.answered();
      return undefined;
    });
    await this.#walk.step(`The cable of ${second} is back: it becomes the standby, and no ping is lost`, async () => {
      await using ping = lab.ping(host.address);
      await ping.answered();
      await lab.mend(host, second);
      await this.#enabled(second);
      await ping.answered(20);
      return report(await ping.stop());
    });
  }

  async #goodChange(): Promise<void> {
    await this.#walk.step("A configuration adds a storage address: applied, probed, confirmed", async () => {
      await using ping = this.#lab.ping(this.#host.address);
      await ping.answered();
      const mark = await this.#configure({ addresses: { stor0: { vlan: "storage", ipv4: [`${storageAddress}/24`] } } });
      await this.#running.event("change", "confirmed", { from: mark });
      claim(await this.#lab.reach(storageAddress), `${storageAddress} answers on VLAN 105`);
      const { lost, sent } = await ping.stop();
      return `${storageAddress} answers on VLAN 105; ${lost} of ${sent} pings to ${this.#host.address} lost meanwhile`;
    });
  }

  async #badChange(): Promise<void> {
    const [vlan = 0] = prunedVlans;
    await this.#walk.step(
      `A configuration moves the management address to VLAN ${vlan}, which the fabrics prune: rolled back`,
      async () => {
        await using ping = this.#lab.ping(this.#host.address);
        await ping.answered();
        const mark = await this.#configure({ vlans: { management: vlan } });
        const applied = await this.#running.event("change", "applied", { from: mark });
        const outage = await outageSeen(ping);
        const back = await this.#running.event("change", "rolled-back", { from: mark });
        await this.#tagIs(labVlans.management);
        return `the gateway saw no reply for ${seconds(outage)}; rolled back ${seconds(timeOf(back) - timeOf(applied))} after it was applied`;
      },
    );
  }

  async #badChangeAndKill(): Promise<void> {
    const [, vlan = 0] = prunedVlans;
    await this.#walk.step(
      `The same with VLAN ${vlan}, and the agent is killed once it is applied: the dead-man heals the host`,
      async () => {
        await using ping = this.#lab.ping(this.#host.address);
        await ping.answered();
        const mark = await this.#configure({ vlans: { management: vlan } });
        await this.#running.event("change", "applied", { from: mark });
        await this.#running.stop("SIGKILL");
        const outage = await outageSeen(ping);
        await this.#tagIs(labVlans.management);
        return `the gateway saw no reply for ${seconds(outage)}, with no agent running`;
      },
    );
    await this.#walk.step(
      "The agent starts again, keeps the last good network and does not try the bad one again",
      async () => {
        await using ping = this.#lab.ping(this.#host.address);
        await ping.answered();
        this.#agent = this.#host.startAgent();
        await this.#agent.event("ready");
        await this.#agent.waitFor(({ problems }) => JSON.stringify(problems ?? []).includes("E_NETWORK_ROLLED_BACK"));
        const { lost, sent } = await ping.stop();
        claim(lost === 0, "no ping is lost while it starts");
        return `0 of ${sent} pings lost; it reports E_NETWORK_ROLLED_BACK`;
      },
    );
  }

  /** Puts a fragment of the operator's above the host's own, and tells the agent; returns the log's mark before it. */
  async #configure(network: ConfigMap): Promise<number> {
    const mark = this.#running.mark();
    await this.#host.writeConfig("60-demo.yaml", { version: 1, network }, "override");
    this.#running.kill("SIGHUP");
    return mark;
  }

  async #activeNic(): Promise<string> {
    const mac = await this.#host.vsctl("get", "Port", "bond0", "bond_active_slave");
    const nic = this.#host.nics.find((each) => mac.includes(each.mac));
    if (nic === undefined) throw new Error(`No NIC is active in bond0: ${mac}`);
    return nic.name;
  }

  /** Waits until the bond may use a member (its updelay has passed). */
  async #enabled(nic: string): Promise<void> {
    const until = Date.now() + 20_000;
    for (;;) {
      const shown = await this.#host.ovs.appctl("bond/show", "bond0");
      if (new RegExp(`member ${nic}: enabled`).test(shown)) return;
      if (Date.now() > until) throw new Error(`${nic} is not enabled in bond0:\n${shown}`);
    }
  }

  async #tagIs(vlan: number): Promise<void> {
    const tag = await this.#host.vsctl("get", "Port", "mgmt0", "tag");
    claim(tag === String(vlan), `mgmt0 is on VLAN ${vlan} again (it is on ${tag})`);
  }
}

/** Milliseconds from the first unanswered ping to the first reply after it, as the gateway sees it. */
async function outageSeen(ping: Ping): Promise<number> {
  await ping.silent(300);
  await ping.answered();
  return (await ping.stop()).maxGapMs;
}

function report({ sent, lost, maxGapMs }: { sent: number; lost: number; maxGapMs: number }): string {
  return `${lost} of ${sent} pings lost (ping -i 0.01); the longest gap was ${seconds(maxGapMs)}`;
}

function timeOf(line: LogLine): number {
  return line.time ?? Date.now();
}
