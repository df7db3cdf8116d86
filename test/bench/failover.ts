import { createClient } from "node-ovsdb";
import { vswitch } from "../../agent/network/schema.ts";
import type { AgentProcess } from "../lab/agent.ts";
import type { Host } from "../lab/host.ts";
import { createLab, type Lab } from "../lab/lab.ts";
import type { Bench } from "./figure.ts";

/** What a dying uplink costs: packets of a ping every 10 ms, and the time until the agent tells of it. */
export const failover: Bench = {
  name: "failover",
  about: "packets lost when an uplink dies, with and without carrier loss, and how soon it is told",
  rounds: 11,
  async run(rounds, tick) {
    await using lab = await createLab({ hosts: 3 });
    const [ours, plain, neighbour] = lab.hosts;
    if (ours === undefined || plain === undefined || neighbour === undefined)
      throw new Error("the lab has three hosts");
    const agent = await started(ours, { gray_failure: "switch", probes: ["gateway"] }, { uplink_move: "1s" });
    // The same network, and nobody who looks after it.
    await (await started(plain, {})).stop();
    await started(neighbour, {});
    await ours.exec(["ping", "-c", "1", "-W", "2", neighbour.address]);
    const told = await toldBy(ours);
    const figures = { lost: [], plainLost: [], event: [], database: [], gray: [], plainGray: [] } as Record<
      "lost" | "plainLost" | "event" | "database" | "gray" | "plainGray",
      number[]
    >;
    for (let round = 0; round < rounds; round += 1) {
      const carrier = await carrierLoss(lab, ours, agent, told);
      figures.lost.push(carrier.lost);
      figures.event.push(carrier.eventAfterMs);
      figures.database.push(0);
      figures.plainLost.push(await lostBy(lab, plain, true));
      figures.gray.push(await grayFailure(lab, ours, agent));
      figures.plainGray.push(await lostBy(lab, plain, false));
      tick();
    }
    told.close();
    return [
      {
        figure: "packets lost when carrier is lost",
        unit: "packets",
        peer: "no agent",
        most: 2,
        ours: figures.lost,
        theirs: figures.plainLost,
      },
      {
        figure: "event after Open vSwitch told",
        unit: "ms",
        peer: "the database",
        most: 20,
        ours: figures.event,
        theirs: figures.database,
      },
      {
        figure: "silence when the fabric dies behind a carrier",
        unit: "ms",
        peer: "no agent, after 3 s",
        most: 3_000,
        ours: figures.gray,
        theirs: figures.plainGray,
      },
    ];
  },
};

async function started(host: Host, network: object, timing: object = {}): Promise<AgentProcess> {
  await host.writeConfig("60-bench.yaml", { version: 1, network: { ...network }, timing: { ...timing } }, "override");
  const agent = host.startAgent();
  await agent.event("change", "confirmed");
  await agent.event("net-ready");
  return agent;
}

/** When the database says that the bond moved, seen from here. */
async function toldBy(host: Host): Promise<{ next(): Promise<number>; close(): void }> {
  const client = createClient({ address: { path: `${host.env.OVS_RUNDIR}/db.sock` } });
  await client.connect();
  const replica = await client.monitor(vswitch);
  return {
    next: () =>
      new Promise((resolve) => {
        const remove = replica.subscribe((changes) => {
          const moved = changes.some(
            (change) =>
              change.table === "Port" &&
              change.before?.bond_active_slave.join() !== change.after?.bond_active_slave.join(),
          );
          if (!moved) return;
          remove();
          resolve(performance.now());
        });
      }),
    close: () => client.close(),
  };
}

async function activeNic(host: Host): Promise<string> {
  const mac = await host.vsctl("get", "Port", "bond0", "bond_active_slave");
  return mac.includes(host.nics[0].mac) ? "em1" : "em2";
}

async function carrierLoss(lab: Lab, host: Host, agent: AgentProcess, told: { next(): Promise<number> }) {
  const nic = await activeNic(host);
  const ping = lab.ping(host.address);
  await ping.answered(60);
  const database = told.next();
  const event = agent
    .waitFor(({ event }) => event === "failover", { from: agent.mark() })
    .then(() => performance.now());
  await lab.cut(host, nic);
  const eventAfterMs = (await event) - (await database);
  await ping.answered(60);
  const { lost } = await ping.stop();
  await lab.mend(host, nic);
  await settled(lab, host);
  return { lost, eventAfterMs };
}

/** The longest silence of a ping, in milliseconds. */
async function grayFailure(lab: Lab, host: Host, agent: AgentProcess): Promise<number> {
  const nic = await activeNic(host);
  const ping = lab.ping(host.address);
  await ping.answered(60);
  const healed = agent.waitFor(({ event }) => event === "gray", { from: agent.mark() });
  await lab.cut(host, nic, { loseCarrier: false });
  await healed;
  await ping.answered(60);
  const { maxGapMs } = await ping.stop();
  await lab.mend(host, nic);
  await host.cli("network", "undrain", nic);
  await settled(lab, host);
  return maxGapMs;
}

/** On the host that nobody looks after: packets lost, or, where the carrier stays, how long it was silent before it was mended. */
async function lostBy(lab: Lab, host: Host, loseCarrier: boolean): Promise<number> {
  const nic = await activeNic(host);
  const ping = lab.ping(host.address);
  await ping.answered(60);
  await lab.cut(host, nic, { loseCarrier });
  if (loseCarrier) await ping.answered(60);
  else await ping.silent(3_000);
  await lab.mend(host, nic);
  await ping.answered(60);
  const { lost, maxGapMs } = await ping.stop();
  await settled(lab, host);
  return loseCarrier ? lost : maxGapMs;
}

/** Both members are enabled again: the lab's updelay has passed. */
async function settled(lab: Lab, host: Host): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const shown = await host.ovs.exec("ovs-appctl", "bond/show", "bond0");
    if (shown.stdout.match(/^member \S+: enabled$/gm)?.length === 2) break;
    if (performance.now() - begun > 20_000) throw new Error(`a member stays disabled:\n${shown.stdout}`);
  }
  const ping = lab.ping(host.address);
  await ping.answered(20);
  await ping.stop();
}
