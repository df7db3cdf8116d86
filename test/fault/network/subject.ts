import { watch } from "node:fs";
import { readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Status } from "../../../agent/web/status.ts";
import type { AgentProcess, LogLine } from "../../lab/agent.ts";
import type { ConfigMap } from "../../lab/config.ts";
import type { Host } from "../../lab/host.ts";
import type { Lab } from "../../lab/lab.ts";
import type { OvsDaemon } from "../../lab/ovs.ts";
import { Disk } from "./disk.ts";
import { identity, meant, seen } from "./look.ts";
import { fileOf, type Moment, reached } from "./moment.ts";
import type { Pace } from "./pace.ts";
import {
  field,
  halfWritten,
  type OpenFile,
  openNow,
  type Records,
  readRecords,
  recordsFolder,
  wasWriting,
} from "./records.ts";
import { overrides, type Wanted } from "./wanted.ts";

/** One SIGKILL, and where it found the agent. */
export interface Kill {
  /** The last step that the agent had logged; or what it was doing outside of a change. */
  readonly after: string;
  /** Whether the kill left a change that was begun and not confirmed: the files say it, not the log. */
  readonly inChange: boolean;
}

export interface Settled {
  /** `new`: the configuration that was asked for stands. `old`: the one before. `same`: nothing was asked for. */
  readonly state: "new" | "old" | "same";
  /** From the last kill (or the begin of the round, where there was none), in milliseconds. */
  readonly tookMs: number;
}

/** What the fault of a round excuses. */
export interface Allowed {
  /** For how long it keeps the host from being healed, in milliseconds. */
  readonly silentMs: number;
  /** It destroys what the agent has to make again. */
  readonly breaks: boolean;
}

/** A configuration: it depends on the durations of the time when it was asked for. */
interface Asked {
  readonly wanted: Wanted;
  readonly pace: Pace;
}

/** Beyond the deadline of a change: the dead-man's grace, its time to start, and a busy machine. */
const SETTLE_GRACE_MS = 20_000;
/** How often state files are looked at. */
const LOOK_MS = 20;
const MOMENT_TIMEOUT_MS = 30_000;
/** How often a host that has to make something again is looked at. */
const HEAL_LOOK_MS = 250;
/** Every fault that offers a configuration of its own lays it above the host's. */
const FAULT_FRAGMENT = "60-fault.yaml";
/** Problems with which the agent refuses a configuration before it touches anything. */
const REFUSALS = /E_CONFIG|E_YAML|E_NETWORK_CONFLICT|E_NETWORK_NO_PROBE|E_NETWORK_OVN|E_NIC_NO_CARRIER/;

/** How a configuration that was offered ended. */
export type Verdict = "confirmed" | "rolled-back" | "refused";

/** A host of the lab whose agent is asked for changes, killed and started again; and what must hold afterwards. */
export class Subject {
  readonly host: Host;
  readonly lab: Lab;
  readonly pace: Pace;
  readonly kills: Kill[] = [];
  #good: Asked;
  #asked: Asked;
  #rows: string | undefined;
  #mark = 0;
  #begunAt = 0;
  /** Every agent of this round, for its log. */
  #agents: AgentProcess[] = [];
  readonly #disk: Disk;
  #clockFile: string | undefined;
  #round = 0;

  constructor(lab: Lab, host: Host, pace: Pace, wanted: Wanted) {
    this.lab = lab;
    this.host = host;
    this.pace = pace;
    this.#good = { wanted, pace };
    this.#asked = this.#good;
    this.#disk = new Disk(host);
  }

  get round(): number {
    return this.#round;
  }

  get agent(): AgentProcess {
    if (this.host.agent === undefined) throw new Error("The agent was never started");
    return this.host.agent;
  }

  /** What stands now. */
  get good(): Wanted {
    return this.#good.wanted;
  }

  /** First configuration, confirmed; remembers the rows whose identity must not change. */
  async boot(): Promise<void> {
    await this.#disk.mount();
    await this.#write(this.#good);
    await this.#start().event("change", "confirmed", { timeoutMs: 60_000 });
    this.#rows = await identity(this.host);
  }

  /** After a round that left the host in no known state: a host as it was delivered, with the last configuration that stood. */
  async recreate(): Promise<void> {
    await this.agent.stop("SIGKILL");
    for (const { name } of this.host.nics) await this.lab.mend(this.host, name);
    await this.host.powerOff();
    const gone = ["var/lib/devcloud-agent", "var/lib/openvswitch", "etc/devcloud-agent/override.d"];
    for (const path of gone) await rm(join(this.host.root, path), { recursive: true, force: true });
    await rm(join(this.host.root, "etc/openvswitch/system-id.conf"), { force: true });
    await this.host.powerOn();
    await this.host.startOvs();
    this.#clockFile = undefined;
    await this.boot();
  }

  #start(env: NodeJS.ProcessEnv = {}): AgentProcess {
    const agent = this.host.startAgent({ env });
    this.#agents.push(agent);
    return agent;
  }

  /** What the agents of this round said. */
  get said(): readonly LogLine[] {
    return this.#agents.flatMap(({ lines }) => lines);
  }

  /** The same host at other durations. */
  at(pace: Pace): Subject {
    const other = new Subject(this.lab, this.host, pace, this.good);
    other.#good = this.#good;
    other.#asked = this.#asked;
    other.#rows = this.#rows;
    return other;
  }

  /** A new round begins. Returns what the records say before it. */
  async begin(round: number): Promise<Records> {
    this.#round = round;
    if (this.#clockFile !== undefined) {
      this.#clockFile = undefined;
      await this.agent.stop();
      await this.#start().event("ready");
    }
    this.kills.length = 0;
    this.#agents = [this.agent];
    this.#mark = this.agent.mark();
    this.#begunAt = performance.now();
    return await readRecords(this.#root);
  }

  /** The host's root as the host sees it: its state lies on a disk of its own. */
  get #root(): string {
    return this.#disk.root;
  }

  get halfWritten(): readonly string[] {
    return halfWritten(this.#root);
  }

  /** Writes a configuration; nobody is told. */
  async write(wanted: Wanted): Promise<void> {
    await this.#write({ wanted, pace: this.pace });
  }

  async #write(asked: Asked): Promise<void> {
    this.#asked = asked;
    const { index } = this.host;
    await this.host.writeConfig("50-host.yaml", this.host.config(overrides(asked.wanted, index, asked.pace)));
  }

  /** Tells the agent to read its configuration, as `systemctl reload` does. */
  reload(): void {
    this.agent.kill("SIGHUP");
  }

  /** Waits until the running agent gets as far as `moment` in a change from now on. */
  async moment(moment: Moment): Promise<void> {
    await this.#until((step) => reached(moment, step), fileOf[moment]);
  }

  /** Waits until the agent takes a change back, and is not done with it. */
  async rollingBack(): Promise<void> {
    await this.#until((step) => step === "rolled-back", "rolling-back.json");
  }

  /** Resolves in the turn in which the step's line, or the name of a state file, is seen: a kill comes at once. */
  async #until(fits: (step: string) => boolean, file: string | undefined): Promise<void> {
    const { agent } = this;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined);
    const timer = setTimeout(
      () => reject(new Error(`${this.host.name}: the moment did not come:\n${agent.tail()}`)),
      MOMENT_TIMEOUT_MS,
    );
    const unfollow = agent.follow(({ event, step }) => {
      if (event === "change" && step !== undefined && fits(step)) resolve();
    });
    const watcher = file === undefined ? undefined : watch(recordsFolder(this.#root));
    watcher?.on("change", (_, name) => {
      if (file !== undefined && String(name).startsWith(file)) resolve();
    });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      unfollow();
      watcher?.close();
    }
  }

  /** SIGKILL now. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const { agent } = this;
    agent.kill("SIGKILL");
    await agent.exited;
    const root = this.#root;
    this.kills.push(
      wasWriting(root, agent.pid) ? { after: "recording", inChange: false } : this.#found(agent, openNow(root)),
    );
    this.#mark = 0;
    this.#begunAt = performance.now();
  }

  #found(agent: AgentProcess, open: readonly OpenFile[]): Kill {
    const lines = agent.lines.slice(this.#mark);
    const step = lines.findLast(({ event, step }) => event === "change" && step !== "confirmed" && step)?.step;
    if (open.includes("rolling-back")) return { after: "rolling back", inChange: false };
    if (open.includes("confirmed")) return { after: "confirming", inChange: true };
    if (open.includes("pending")) return { after: step ?? "recorded", inChange: true };
    if (lines.some(({ event, step }) => event === "change" && step === "rolled-back"))
      return { after: "rolled-back", inChange: false };
    if (lines.some(({ event, step }) => event === "change" && step === "confirmed"))
      return { after: "confirmed", inChange: false };
    return { after: agent.lines.some(({ event }) => event === "ready") ? "idle" : "starting", inChange: false };
  }

  /** Starts the agent again, as systemd does after RestartSec. */
  async restart(): Promise<void> {
    await delay(this.pace.restartMs);
    this.#start();
  }

  /** The agent anew, with a wall clock that {@link jump} moves. */
  async restartWithClock(): Promise<void> {
    await this.agent.stop();
    this.#clockFile = join(this.host.root, "run", "chaos-clock");
    await writeFile(this.#clockFile, "0");
    const hook = `--import=${new URL("faults/clock-hook.mjs", import.meta.url).href}`;
    await this.#start({ NODE_OPTIONS: hook, CHAOS_CLOCK: this.#clockFile }).event("ready");
    this.#mark = 0;
  }

  async jump(milliseconds: number): Promise<void> {
    if (this.#clockFile !== undefined) await writeFile(this.#clockFile, String(milliseconds));
  }

  stop(who: "agent" | OvsDaemon): void {
    if (who === "agent") this.agent.kill("SIGSTOP");
    else this.host.pauseOvs(who);
  }

  goOn(who: "agent" | OvsDaemon): void {
    if (who === "agent") this.agent.kill("SIGCONT");
    else this.host.resumeOvs(who);
  }

  /** Lays a fragment above the host's own; nobody is told. */
  async fragment(content: string | ConfigMap): Promise<void> {
    await this.host.writeConfig(FAULT_FRAGMENT, content, "override");
  }

  /** The same as a symbolic link. */
  async linkFragment(to: string): Promise<void> {
    const path = await this.host.writeConfig(FAULT_FRAGMENT, "", "override");
    await rm(path);
    await symlink(to, path);
  }

  async removeFragment(): Promise<void> {
    await rm(join(this.host.root, "etc/devcloud-agent/override.d", FAULT_FRAGMENT), { force: true });
  }

  /** Waits until the agent that runs now tells a problem whose code fits, from now on or from a line of its log on. */
  async told(code: RegExp, from = this.agent.mark()): Promise<void> {
    await this.#line(({ event, problems, problem }) => {
      return (event === "problems" || event === "problem") && code.test(JSON.stringify(problems ?? problem));
    }, from);
  }

  /** Waits until the agent that runs now has kept, undone or refused what is offered to it from now on. */
  async verdict(): Promise<Verdict> {
    const { event, step } = await this.#line(
      (line) =>
        (line.event === "change" && (line.step === "confirmed" || line.step === "rolled-back")) ||
        (line.event === "problems" && REFUSALS.test(JSON.stringify(line.problems))),
      this.agent.mark(),
    );
    if (event === "problems") return "refused";
    return step === "confirmed" ? "confirmed" : "rolled-back";
  }

  async #line(fits: (line: LogLine) => boolean, from: number): Promise<LogLine> {
    const waiting = this.agent.waitFor(fits, { from, timeoutMs: this.pace.confirmDeadlineMs + MOMENT_TIMEOUT_MS });
    // Whoever asked may fail before it waits.
    waiting.catch(() => undefined);
    return await waiting;
  }

  async standing(): Promise<void> {
    await this.agent.event("net-ready");
  }

  /** Throws if the agent began anything in this round. */
  unchanged(): void {
    const begun = this.agent.lines.slice(this.#mark).find(({ event }) => event === "change");
    if (begun !== undefined) throw new Error(`something was changed: ${JSON.stringify(begun)}`);
  }

  /** Replaces what a state file holds. */
  async spoil(name: string, by: (text: string) => string): Promise<void> {
    const path = join(recordsFolder(this.#root), `${name}.json`);
    await writeFile(path, by(await readFile(path, "utf8").catch(() => "")));
  }

  async fillDisk(): Promise<void> {
    await this.#disk.fill();
  }

  async freeDisk(): Promise<void> {
    await this.#disk.free();
  }

  /** Speaks with the other hosts of the management network, so that there is somebody to ask besides the gateway. */
  async meetNeighbours(): Promise<void> {
    const others = this.lab.hosts.filter((host) => host !== this.host);
    await Promise.all(others.map(({ address }) => this.host.exec(["ping", "-c", "1", "-W", "1", address])));
    const until = performance.now() + this.pace.timing.uplinkWitnessMs;
    while (performance.now() < until && (await this.#witnesses()) === 0) await delay(LOOK_MS);
  }

  /** How many of them the agent would ask when the gateway is silent. */
  async #witnesses(): Promise<number> {
    const { stdout } = await this.host.cli("status", "--json");
    const status = stdout === "" ? undefined : (JSON.parse(stdout) as Partial<Status>);
    return status?.network?.uplinks?.witnesses?.length ?? 0;
  }

  /** Waits, bounded, until no change is under way, with no agent to see to it. */
  async healed(): Promise<void> {
    const until = performance.now() + this.#bound;
    while (openNow(this.#root).length > 0) {
      if (performance.now() > until) throw new Error("the dead-man has not ended the change");
      await delay(LOOK_MS);
    }
  }

  get #bound(): number {
    return this.pace.confirmDeadlineMs + this.#asked.wanted.round + SETTLE_GRACE_MS;
  }

  /** Waits, bounded, until no change is under way and what was asked for is either the last good one or recorded as failed. */
  async settle(before: Records, { silentMs, breaks }: Allowed): Promise<Settled> {
    const changed = this.#asked.wanted.round !== this.#good.wanted.round;
    const bound = this.#bound + silentMs;
    const until = performance.now() + bound;
    for (;;) {
      const now = await readRecords(this.#root);
      const ended = now.lastGood !== before.lastGood || now.failed.at(-1) !== before.failed.at(-1);
      const ready = this.agent.ended !== undefined || this.agent.lines.some(({ event }) => event === "ready");
      if (now.open.length === 0 && ready && (ended || !changed)) break;
      if (performance.now() > until) {
        throw new Error(`not settled within ${bound} ms: ${JSON.stringify(now)}\n${this.agent.tail()}`);
      }
      await delay(LOOK_MS);
    }
    const state = breaks ? await this.#made(changed, until) : await this.#verify(changed, false);
    return { state, tookMs: performance.now() - this.#begunAt };
  }

  /** What was broken is made again, in time; rows may be others then. */
  async #made(changed: boolean, until: number): Promise<Settled["state"]> {
    for (;;) {
      try {
        const state = await this.#verify(changed, true);
        this.#rows = await identity(this.host);
        return state;
      } catch (error) {
        if (performance.now() > until) throw error;
        await delay(HEAL_LOOK_MS);
      }
    }
  }

  /** The host is exactly as the new or as the old configuration says, and never between. */
  async #verify(changed: boolean, newRows: boolean): Promise<Settled["state"]> {
    const records = await readRecords(this.#root);
    const asked = await this.#plan();
    const isNew = asked.hash === records.lastGood;
    if (!isNew) {
      if (!records.failed.includes(asked.hash))
        throw new Error("the configuration is neither the last good nor a failed one");
      await this.#write(this.#good);
    }
    const { hash, steps } = isNew ? asked : await this.#plan();
    if (hash !== records.lastGood) throw new Error("the last good configuration is neither the new nor the old one");
    if (steps !== "[]") throw new Error(`the host is not as the ${isNew ? "new" : "old"} configuration says: ${steps}`);
    if (isNew) this.#good = this.#asked;
    await this.#check(newRows);
    if (!changed) return "same";
    return isNew ? "new" : "old";
  }

  /** What the agent itself was not asked about: the host looks as it should, and its ports are the ones that it had. */
  async #check(newRows: boolean): Promise<void> {
    const { wanted, pace } = this.#good;
    const should = JSON.stringify(meant(wanted, this.host, pace));
    const looks = JSON.stringify(await seen(this.host));
    if (looks !== should) throw new Error(`the host is ${looks} and should be ${should}`);
    if (newRows) return;
    const rows = await identity(this.host);
    if (rows !== this.#rows) throw new Error(`rows or port numbers changed: ${this.#rows} became ${rows}`);
  }

  async #plan(): Promise<{ readonly hash: string; readonly steps: string }> {
    const { code, stdout, stderr } = await this.host.cli("network", "plan", "--json");
    if (code !== 0 && code !== 3) throw new Error(`network plan ended with ${code}: ${stderr}`);
    const plan: unknown = JSON.parse(stdout);
    return { hash: String(field(plan, "hash")), steps: JSON.stringify(field(plan, "steps")) };
  }
}
