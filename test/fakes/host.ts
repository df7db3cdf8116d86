import { AgentError } from "../../agent/core/errors.ts";
import type { ProbeTarget } from "../../agent/core/probe.ts";
import { finishRollback } from "../../agent/network/ending.ts";
import type { DnsObserved, Observed } from "../../agent/network/observed.ts";
import type { Neighbour, NetworkEvent, NetworkPorts } from "../../agent/network/ports.ts";
import { compile } from "../../agent/network/transaction.ts";
import { holdingUnwritten } from "../../agent/network/uplinks/unwritten.ts";
import { FakeClock } from "./clock.ts";
import { FakeDatabase } from "./database.ts";
import { FakeKernel } from "./kernel.ts";
import { FakeState } from "./state.ts";
import { FakeVswitchd } from "./vswitchd.ts";

export const NICS = { em1: "02:00:00:00:00:01", em2: "02:00:00:00:00:02" } as const;
const APPLY_TIMEOUT_MS = 10_000;

/** A host in memory: what stays while processes of the agent come and go. */
export class FakeHost {
  readonly clock: FakeClock;
  readonly database = new FakeDatabase();
  readonly kernel = new FakeKernel();
  readonly state = new FakeState();
  readonly vswitchd: FakeVswitchd;
  systemId: string | undefined;
  dns: DnsObserved = { way: "file", text: null };
  /** What was said on the machine's console. */
  readonly console: string[] = [];
  rescue = "";
  bootId = "boot-1";
  /** The flag that the network stood in this boot. */
  netReady = false;
  ovsdb: "alive" | "dead" = "alive";
  /** Hung: what is committed stays committed and is not applied. */
  vswitchdState: "alive" | "hung" = "alive";
  /** Which probes get an answer, given how the host is now. */
  answers: (target: ProbeTarget) => boolean = () => true;
  /** Whom the kernel knows on the management network. */
  neighbours: readonly Neighbour[] = [];
  /** Addresses that the switches were told of, after the bond moved. */
  readonly greeted: string[] = [];
  /** Who listens to the gateway: called back for each answer. */
  heard: (mac?: string) => void = () => undefined;
  /** When somebody else's dead-man fires, in monotonic milliseconds. */
  deadMan: { readonly id: string; readonly at: number } | undefined;
  commits = 0;

  constructor({ auto = true } = {}) {
    this.clock = new FakeClock({ auto });
    this.vswitchd = new FakeVswitchd(this.database, this.kernel);
    for (const [name, mac] of Object.entries(NICS)) this.kernel.addNic(name, mac, { carrier: true });
  }

  async observe(): Promise<Observed> {
    const { addresses: ledger = [] } = (await this.state.read("ledger")) ?? {};
    const systemId = this.systemId === undefined ? {} : { systemIdFile: this.systemId };
    const { nics: avoid = [] } = (await this.state.read("avoid")) ?? {};
    const { dns } = this;
    return { ovs: this.database.observe(), kernel: this.kernel.observe(), ledger, avoid, dns, ...systemId };
  }

  /** What every look at a running host does by itself: vswitchd takes what is new. */
  refresh(): void {
    if (this.vswitchdState === "alive") this.vswitchd.apply();
  }

  /** Power off and on: what the kernel holds is gone, the files and the database stay. */
  reboot(): void {
    this.bootId = `${this.bootId}+`;
    this.deadMan = undefined;
    this.netReady = false;
    for (const link of [...this.kernel.links.values()]) {
      if (link.kind === "openvswitch") this.kernel.remove(link.name);
      else {
        this.kernel.change(link.name, { up: false });
        this.kernel.quiet(link.name);
      }
    }
    this.kernel.ipv6.clear();
    this.kernel.addresses = [];
    this.kernel.routes = [];
    this.vswitchdState = "alive";
    this.ovsdb = "alive";
    this.refresh();
  }

  /** The dead-man's time has come, if it is armed: what `network rollback --pending ID` does. */
  async fireDeadMan(): Promise<void> {
    const armed = this.deadMan;
    if (armed === undefined) return;
    const process = new FakeProcess(this);
    const isMeant = (await this.state.read("pending"))?.id === armed.id;
    const blamed = isMeant && (await this.state.claim("pending", "rolling-back"));
    const claimed = await this.state.read("rolling-back");
    if (claimed?.id !== armed.id) return;
    await finishRollback(process.ports, claimed, "not confirmed in time", new AbortController().signal, blamed);
  }
}

/** One process of the agent on a host. It can die after any effect that it has, and is then heard of no more. */
export class FakeProcess {
  readonly host: FakeHost;
  readonly events: NetworkEvent[] = [];
  readonly ports: NetworkPorts;
  /** Effects so far: everything that changes the disk, Open vSwitch or the kernel. */
  effects = 0;
  #dieAfter: number;
  #onDeath: () => void = () => undefined;
  /** Resolves at its death. */
  readonly died: Promise<"died">;

  constructor(host: FakeHost, { dieAfter = Number.POSITIVE_INFINITY }: { readonly dieAfter?: number } = {}) {
    this.host = host;
    this.#dieAfter = dieAfter;
    this.died = new Promise((resolve) => {
      this.#onDeath = () => resolve("died");
    });
    this.ports = this.#build();
  }

  get steps(): string[] {
    return this.events.flatMap((event) => (event.event === "change" ? [event.step] : []));
  }

  /** SIGKILL: nothing that is under way comes back. */
  kill(): void {
    this.#dieAfter = this.effects;
    this.#onDeath();
  }

  async #effect<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.effects >= this.#dieAfter) return this.#silence();
    this.effects += 1;
    const result = await work();
    return this.effects >= this.#dieAfter ? this.#silence() : result;
  }

  async #look<T>(work: () => T | Promise<T>): Promise<T> {
    return this.effects >= this.#dieAfter ? this.#silence() : work();
  }

  #silence(): Promise<never> {
    this.#onDeath();
    return new Promise(() => undefined);
  }

  #build(): NetworkPorts {
    const { host } = this;
    const { clock, state } = host;
    return {
      clock: { ...portOf(clock), sleep: (ms, signal) => this.#look(() => clock.sleep(ms, signal)) },
      state: holdingUnwritten({
        read: (name) => this.#look(() => state.read(name)),
        write: (name, value) => this.#effect(() => state.write(name, value)),
        remove: (name) => this.#effect(() => state.remove(name)),
        claim: (from, to) => this.#effect(() => state.claim(from, to)),
        render: (name, value) => state.render(name, value),
      }),
      ovs: {
        second: async () => undefined,
        observe: () =>
          this.#look(() => {
            if (host.ovsdb === "dead")
              throw new AgentError({ code: "E_OVSDB_UNREACHABLE", message: "no ovsdb-server" });
            host.refresh();
            return host.database.observe();
          }),
        commit: async (steps, observed, signal, onCommitted) => {
          await this.#effect(() => {
            if (host.ovsdb === "dead")
              throw new AgentError({ code: "E_OVSDB_UNREACHABLE", message: "no ovsdb-server" });
            const tx = compile(steps, observed, "devcloud_agent");
            tx.increment("Open_vSwitch", observed.root._uuid, "next_cfg");
            host.database.execute(tx);
            host.commits += 1;
          });
          onCommitted?.();
          if (host.vswitchdState === "hung") {
            await clock.sleep(APPLY_TIMEOUT_MS, signal);
            throw new AgentError({ code: "E_OVS_NOT_APPLIED", message: "ovs-vswitchd did not apply it" });
          }
          host.refresh();
        },
      },
      kernel: {
        observe: () => this.#look(() => host.kernel.observe()),
        whole: () => this.#look(() => host.kernel.whole()),
        prepare: () => undefined,
        batch: (lines) => this.#effect(() => host.kernel.batch(lines)),
      },
      prober: {
        probe: (target) => this.#look(() => ({ target, ok: host.answers(target) })),
      },
      deadMan: {
        arm: (id, afterMs) =>
          this.#effect(() => {
            host.deadMan = { id, at: clock.monotonic() + afterMs };
          }),
        disarm: () =>
          this.#effect(() => {
            host.deadMan = undefined;
          }),
      },
      systemId: {
        read: () => this.#look(() => host.systemId),
        write: (value) =>
          this.#effect(() => {
            host.systemId = value;
          }),
      },
      dns: {
        observe: () => this.#look(() => host.dns),
        write: (step) =>
          this.#effect(() => {
            if (step.kind === "set-dns") host.dns = { way: "resolved", servers: step.servers };
            else host.dns = { way: "file", text: step.text };
          }),
      },
      console: (text) => void host.console.push(text),
      bootId: host.bootId,
      neighbourhood: {
        listen: async (_gateway, heard, signal) => {
          host.heard = heard;
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        },
        known: async () => host.neighbours,
      },
      announce: () => undefined,
      greet: (_device, address) => void host.greeted.push(address),
      setIpv6: (device, { setting, value }) => this.#effect(() => host.kernel.setIpv6(device, setting, value)),
      writeRescue: (script) =>
        script === host.rescue
          ? this.#look(() => undefined)
          : this.#effect(() => {
              host.rescue = script;
            }),
      ledgerPath: "/var/lib/devcloud-agent/network/ledger.json",
      report: (event) => {
        if (this.effects >= this.#dieAfter) return;
        this.events.push(event);
        host.netReady ||= event.event === "stands";
      },
    };
  }
}

function portOf(clock: FakeClock) {
  return { now: () => clock.now(), monotonic: () => clock.monotonic() };
}
