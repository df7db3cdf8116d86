import { describe, expect, onTestFinished, test } from "vitest";
import type { NetworkSettings } from "../../../../agent/config/settings.ts";
import { defaultTiming } from "../../../../agent/config/timing.ts";
import type { ProbeTarget } from "../../../../agent/core/probe.ts";
import { converge } from "../../../../agent/network/converge.ts";
import { targetOf } from "../../../../agent/network/desired.ts";
import { Uplinks } from "../../../../agent/network/uplinks/uplinks.ts";
import { type Gray, GrayWatch } from "../../../../agent/network/uplinks/watch.ts";
import { settle } from "../../../fakes/clock.ts";
import { type FakeHost, FakeProcess } from "../../../fakes/host.ts";
import { configOf, networkSettings } from "../../../fakes/settings.ts";
import { standingHost } from "../capability.ts";

const good = networkSettings({ grayFailure: "switch" });
const GATEWAY_MAC = "00:00:5e:00:01:01";
const gateway = { address: "10.1.0.1", mac: GATEWAY_MAC };
const neighbour = (last: number) => ({ address: `10.1.0.${last}`, mac: `02:00:00:00:01:${last}` });
const MINUTE = 60_000;

/** A host whose uplinks are watched, with a gateway that answers once a second until it is told not to. */
class Watched {
  readonly host: FakeHost;
  readonly uplinks: Uplinks;
  readonly watch: GrayWatch;
  changing = false;
  /** Passes of the network that were asked for. */
  passes = 0;
  /** Addresses that answer, and `host:port` that can be connected to. */
  answering: readonly string[] = [];
  readonly #process: FakeProcess;

  constructor(host: FakeHost, network: NetworkSettings, dns?: readonly string[]) {
    const config = configOf(network, 1, dns);
    this.host = host;
    host.clock.auto = false;
    host.answers = (target) => this.answering.includes(named(target));
    this.#process = new FakeProcess(host);
    const { ports } = this.#process;
    const stop = new AbortController();
    const options = {
      current: () => config,
      timing: () => defaultTiming,
      onChange: () => this.#asked(),
      confirming: () => false,
      pass: async () => (await converge(ports, (observed) => targetOf(config, observed), stop.signal)).faults,
    };
    this.uplinks = new Uplinks(ports, options);
    this.watch = new GrayWatch(ports, this.uplinks, { ...options, changing: () => this.changing });
    const ended = this.watch.run(stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await ended;
    });
  }

  #asked(): void {
    this.passes += 1;
  }

  /** The gateway answers for so long. */
  async alive(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      this.host.heard(GATEWAY_MAC);
      await this.host.clock.advance(Math.min(left, 1_000));
    }
    await settle();
  }

  /** The gateway is silent for so long; how the uplinks are found then. */
  async silent(ms = 5_000): Promise<Gray> {
    await this.host.clock.advance(ms);
    return this.watch.gray;
  }

  get moves(): number {
    return this.#process.events.filter(({ event }) => event === "gray").length;
  }
}

function named(target: ProbeTarget): string {
  if (target.kind === "tcp") return `${target.host}:${target.port}`;
  return target.kind === "gateway" ? target.address : "";
}

async function watched(network = good): Promise<Watched> {
  const all = new Watched(await standingHost(network), network);
  await settle();
  return all;
}

describe("whose silence makes an uplink deaf", () => {
  test("that of neighbours which answered while the gateway did: the bond is moved", async () => {
    const all = await watched();
    all.host.neighbours = [gateway, neighbour(50), neighbour(51)];
    all.answering = ["10.1.0.50"];
    await all.alive(MINUTE);
    expect(all.watch.witnesses).toEqual(["10.1.0.50"]);
    all.answering = [];
    expect(await all.silent()).toMatchObject({ state: "deaf", nic: "em2" });
    expect(all.moves).toBe(1);
  });

  test("that of the same neighbours while there is no room to write down that the bond moves", async () => {
    const all = await watched();
    all.host.neighbours = [gateway, neighbour(50)];
    all.answering = ["10.1.0.50"];
    await all.alive(MINUTE);
    all.answering = [];
    all.host.state.full = true;
    await all.silent();
    expect(all.moves).toBe(1);
    expect(all.uplinks.problems.map(({ code }) => code)).toEqual(["E_UPLINK_DEAF", "E_FILE_IO"]);
    all.host.state.full = false;
    await all.silent(MINUTE);
    expect(all.uplinks.problems.map(({ code }) => code)).toEqual(["E_UPLINK_DEAF"]);
    expect(await all.host.state.read("avoid")).toMatchObject({ nics: [{ nic: "em1", why: "deaf" }] });
  });

  test("although what kept the bond off a NIC is over, and there is no room to write that down", async () => {
    const all = await watched();
    const since = all.host.clock.now();
    await all.host.state.write("avoid", { nics: [{ nic: "em2", why: "drained", since, until: since + 1_000 }] });
    await all.uplinks.load();
    all.host.state.full = true;
    all.host.neighbours = [gateway, neighbour(50)];
    all.answering = ["10.1.0.50"];
    await all.alive(MINUTE);
    expect(all.watch.gray).toMatchObject({ state: "alive" });
    all.answering = [];
    await all.silent();
    expect(all.moves).toBe(1);
  });

  test("not that of hosts which the kernel knows and which are long off: with them a dead gateway looks the same", async () => {
    const all = await watched();
    all.host.neighbours = [gateway, neighbour(50), neighbour(51), neighbour(52)];
    await all.alive(MINUTE);
    expect(all.watch.witnesses).toEqual([]);
    expect(await all.silent(MINUTE)).toEqual({ state: "silent", gateway: "10.1.0.1" });
    expect(all.moves).toBe(0);
  });

  test("not that of a neighbour which was switched off while the gateway answered on", async () => {
    const all = await watched();
    all.host.neighbours = [gateway, neighbour(50)];
    all.answering = ["10.1.0.50"];
    await all.alive(MINUTE);
    all.answering = [];
    await all.alive(2 * MINUTE);
    expect(await all.silent()).toMatchObject({ state: "silent" });
  });

  test("not that of the gateway's other addresses", async () => {
    const all = await watched();
    all.host.neighbours = [gateway, { address: "fe80::1", mac: GATEWAY_MAC }];
    all.answering = ["fe80::1"];
    await all.alive(MINUTE);
    all.answering = [];
    expect(await all.silent()).toMatchObject({ state: "silent" });
  });

  test("not that of a target which may be on the other side of the gateway; what it answers clears the uplink", async () => {
    const all = await watched(
      networkSettings({ grayFailure: "switch", probes: [{ kind: "tcp", host: "10.9.0.5", port: 22 }] }),
    );
    all.host.neighbours = [gateway];
    all.answering = ["10.9.0.5:22"];
    await all.alive(MINUTE);
    expect(await all.silent()).toMatchObject({ state: "gateway-silent", heard: ["tcp 10.9.0.5:22"] });
    all.answering = [];
    expect(await all.silent(MINUTE)).toMatchObject({ state: "silent" });
  });

  test("on a host with IPv6 alone that of its neighbours there", async () => {
    const six = networkSettings({
      grayFailure: "switch",
      addresses: {
        mgmt0: { vlan: "management", ipv4: [], ipv6: ["2001:db8::17/64"], gateway: "2001:db8::1", routes: [] },
      },
    });
    const all = await watched(six);
    all.host.neighbours = [
      { address: "2001:db8::1", mac: GATEWAY_MAC },
      { address: "fe80::50", mac: "02:00:00:00:01:50" },
    ];
    all.answering = ["fe80::50"];
    await all.alive(MINUTE);
    expect(all.watch.witnesses).toEqual(["fe80::50"]);
    all.answering = [];
    expect(await all.silent()).toMatchObject({ state: "deaf" });
  });
});

describe("a silent gateway is looked into", () => {
  test("although a file of the host's cannot be written", async () => {
    const host = await standingHost(good);
    const dns = ["10.1.0.2"];
    const [bridge] = host.database.observe().bridges.filter(({ name }) => name === "br-uplink");
    if (bridge === undefined) throw new Error("the host has no bridge");
    const marks = { ...bridge.external_ids, "devcloud-hash": configOf(good, 1, dns).hash };
    host.database.set("Bridge", bridge._uuid, { external_ids: marks });
    const all = new Watched(host, good, dns);
    await settle();
    host.neighbours = [gateway, neighbour(50)];
    all.answering = ["10.1.0.50"];
    await all.alive(MINUTE);
    all.answering = [];
    expect(await all.silent()).toMatchObject({ state: "deaf" });
  });

  test("not while the way to it is not as it has to be, and that is said instead of that it lives", async () => {
    const all = await watched();
    await all.alive(3_000);
    expect(all.watch.gray).toMatchObject({ state: "alive" });
    const [port] = all.host.database.observe().ports.filter(({ name }) => name === "mgmt0");
    if (port === undefined) throw new Error("the host has no management port");
    all.host.database.set("Port", port._uuid, { tag: [105] });
    expect(await all.silent()).toEqual({
      state: "unwatched",
      gateway: "10.1.0.1",
      why: "the way to it is not as it has to be: ~ port mgmt0",
    });
    // Somebody is at work on it: a pass would meet him half-way.
    expect(all.passes).toBe(0);
    all.host.database.set("Port", port._uuid, { tag: [100] });
    expect(await all.silent()).toMatchObject({ state: "silent" });
    expect(all.passes).toBe(1);
    await all.alive(3_000);
    expect(all.watch.gray).toMatchObject({ state: "alive" });
  });

  test("not while nothing carries the traffic, Open vSwitch is gone, or a change is under way, and each is said", async () => {
    const all = await watched();
    await all.alive(3_000);
    const says = async (why: string): Promise<void> => {
      const gray = await all.silent();
      expect(gray.state).toBe("unwatched");
      expect(JSON.stringify(gray)).toContain(why);
    };
    all.changing = true;
    await says("a change waits");
    all.changing = false;
    all.host.ovsdb = "dead";
    await says("cannot be asked");
    all.host.ovsdb = "alive";
    for (const nic of ["em1", "em2"]) all.host.kernel.change(nic, { carrier: false });
    await says("no member of bond0");
  });
});

test("a dead uplink that the bond cannot leave is not said to live while the watch waits to try again", async () => {
  const all = await watched();
  all.host.neighbours = [gateway, neighbour(50)];
  all.answering = ["10.1.0.50"];
  await all.alive(MINUTE);
  all.answering = [];
  all.host.vswitchd.follows = false;
  const gray = await all.silent(MINUTE);
  expect(gray.state).toBe("unwatched");
  expect(JSON.stringify(gray)).toContain("not kept off em1");
});
