import { watch } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentProcess } from "../../lab/agent.ts";
import type { Host } from "../../lab/host.ts";
import type { Lab } from "../../lab/lab.ts";
import { identity, meant, seen } from "./look.ts";
import { fileOf, type Moment, reached } from "./moment.ts";
import type { Pace } from "./pace.ts";
import { field, type OpenFile, openNow, type Records, readRecords, recordsFolder, wasWriting } from "./records.ts";
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

  constructor(lab: Lab, host: Host, pace: Pace, wanted: Wanted) {
    this.lab = lab;
    this.host = host;
    this.pace = pace;
    this.#good = { wanted, pace };
    this.#asked = this.#good;
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
    await this.#write(this.#good);
    await this.host.startAgent().event("change", "confirmed", { timeoutMs: 60_000 });
    this.#rows = await identity(this.host);
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
  async begin(): Promise<Records> {
    this.kills.length = 0;
    this.#mark = this.agent.mark();
    this.#begunAt = performance.now();
    return await readRecords(this.host.root);
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
    const timer = setTimeout(
      () => reject(new Error(`${this.host.name}: the moment did not come:\n${agent.tail()}`)),
      MOMENT_TIMEOUT_MS,
    );
    const unfollow = agent.follow(({ event, step }) => {
      if (event === "change" && step !== undefined && fits(step)) resolve();
    });
    const watcher = file === undefined ? undefined : watch(recordsFolder(this.host.root));
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
    const { root } = this.host;
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
    this.host.startAgent();
  }

  /** Waits, bounded, until no change is under way, with no agent to see to it. */
  async healed(): Promise<void> {
    const until = performance.now() + this.#bound;
    while (openNow(this.host.root).length > 0) {
      if (performance.now() > until) throw new Error("the dead-man has not ended the change");
      await delay(LOOK_MS);
    }
  }

  get #bound(): number {
    return this.pace.confirmDeadlineMs + this.#asked.wanted.round + SETTLE_GRACE_MS;
  }

  /** Waits, bounded, until no change is under way and what was asked for is either the last good one or recorded as failed. */
  async settle(before: Records): Promise<Settled> {
    const changed = this.#asked.wanted.round !== this.#good.wanted.round;
    const until = performance.now() + this.#bound;
    for (;;) {
      const now = await readRecords(this.host.root);
      const ended = now.lastGood !== before.lastGood || now.failed.at(-1) !== before.failed.at(-1);
      const ready = this.agent.ended !== undefined || this.agent.lines.some(({ event }) => event === "ready");
      if (now.open.length === 0 && ready && (ended || !changed)) break;
      if (performance.now() > until) {
        throw new Error(`not settled within ${this.#bound} ms: ${JSON.stringify(now)}\n${this.agent.tail()}`);
      }
      await delay(LOOK_MS);
    }
    const tookMs = performance.now() - this.#begunAt;
    return { state: await this.#verify(changed), tookMs };
  }

  /** The host is exactly as the new or as the old configuration says, and never between. */
  async #verify(changed: boolean): Promise<Settled["state"]> {
    const records = await readRecords(this.host.root);
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
    await this.#check();
    if (!changed) return "same";
    return isNew ? "new" : "old";
  }

  /** What the agent itself was not asked about: the host looks as it should, and its ports are the ones that it had. */
  async #check(): Promise<void> {
    const { wanted, pace } = this.#good;
    const should = JSON.stringify(meant(wanted, this.host, pace));
    const looks = JSON.stringify(await seen(this.host));
    if (looks !== should) throw new Error(`the host is ${looks} and should be ${should}`);
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
