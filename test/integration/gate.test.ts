import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const gate = join(import.meta.dirname, "../../packaging/usr/libexec/devcloud-agent/docker-gate");

/** The gate as systemd starts it, except for the root; with `uptime`, on a machine whose kernel says that. */
class Gate {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly #output: AsyncIterableIterator<string>;

  constructor(root: string, args: readonly string[], uptime?: string) {
    const argv = ["/bin/sh", gate, ...args];
    const bind = 'mount --bind "$0" /proc/uptime && exec "$@"';
    const [command = "", ...rest] = uptime === undefined ? argv : ["unshare", "-m", "sh", "-c", bind, uptime, ...argv];
    this.child = spawn(command, rest, {
      // No PATH to Node or to anything of ours.
      env: { PATH: "/usr/bin:/bin", DEVCLOUD_ROOT: root },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#output = createInterface({ input: this.child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  }

  /** The next line with these words. */
  async says(words: string): Promise<string> {
    for (;;) {
      const next = await this.#output.next();
      if (next.done === true) throw new Error(`The gate ended without "${words}": ${this.lines.join("\n")}`);
      this.lines.push(next.value);
      if (next.value.includes(words)) return next.value;
    }
  }

  /** Reads to the end; resolves with the exit code. */
  async ended(): Promise<number | null> {
    const closed = this.child.exitCode === null ? once(this.child, "exit") : Promise.resolve();
    for (let line = await this.#output.next(); line.done !== true; line = await this.#output.next()) {
      this.lines.push(line.value);
    }
    await closed;
    return this.child.exitCode;
  }
}

describe("Docker's gate", () => {
  let root = "";
  const gates: Gate[] = [];

  const path = (name: string): string => join(root, name);
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(dirname(path(name)), { recursive: true });
    await writeFile(path(name), text);
  };
  const rules = (text: string): Promise<void> => write("var/lib/devcloud-agent/docker-gate.env", text);
  const start = (...args: readonly string[]): Gate => {
    const started = new Gate(root, args);
    gates.push(started);
    return started;
  };
  /** On a machine that has been up for so long, in the words of /proc/uptime. */
  const startAt = async (uptime: string): Promise<Gate> => {
    await write("uptime", uptime);
    const started = new Gate(root, [], path("uptime"));
    gates.push(started);
    return started;
  };
  const passed = (): string => readFileSync(path("run/devcloud-agent/docker-gate-passed"), "utf8");

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "devcloud-gate-"));
  });

  afterEach(async () => {
    for (const each of gates.splice(0)) {
      if (each.child.exitCode === null && each.child.kill("SIGKILL"))
        await once(each.child, "exit").catch(() => undefined);
    }
    await rm(root, { recursive: true, force: true });
  });

  test("passes at once where the network stands, and remembers it", async () => {
    await write("run/devcloud-agent/net-ready", "");
    expect(await start().ended()).toBe(0);
    expect(passed()).toContain("the network stands");
  });

  test("waits for the flag, and passes when it appears", async () => {
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=3600\nDEVCLOUD_GATE_THEN=start\n");
    const waiting = start();
    await waiting.says("for at most 3600 s");
    expect(existsSync(path("run/devcloud-agent/docker-gate-passed"))).toBe(false);
    await write("run/devcloud-agent/net-ready", "");
    expect(await waiting.ended()).toBe(0);
    expect(passed()).toContain("the network stands");
  });

  test("lets Docker start when its time has passed, and holds no later start", async () => {
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=1\nDEVCLOUD_GATE_THEN=start\n");
    expect(await start().ended()).toBe(0);
    expect(passed()).toContain("after 1 s");
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=3600\nDEVCLOUD_GATE_THEN=wait\n");
    const later = start();
    expect(await later.ended()).toBe(0);
    expect(later.lines).toEqual([]);
  });

  test("with then=wait goes on waiting after its time, until the flag is there", async () => {
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=0\nDEVCLOUD_GATE_THEN=wait\n");
    const waiting = start();
    await waiting.says("without a limit");
    expect(waiting.child.exitCode).toBe(null);
    await write("run/devcloud-agent/net-ready", "");
    expect(await waiting.ended()).toBe(0);
  });

  test("the break-glass file ends any wait", async () => {
    await rules("DEVCLOUD_GATE_THEN=wait\n");
    const waiting = start();
    await waiting.says("to go on now: touch");
    await write("etc/devcloud-agent/docker-ungated", "");
    expect(await waiting.ended()).toBe(0);
    expect(passed()).toContain("docker-ungated exists");
  });

  test.each([
    ["as the only argument", "devcloud.docker_ungated=1\n"],
    ["among others, without a line break", "quiet devcloud.docker_ungated=1 rw"],
  ])("the kernel argument releases Docker %s", async (_, cmdline) => {
    await rules("DEVCLOUD_GATE_THEN=wait\n");
    await write("proc/cmdline", cmdline);
    expect(await start().ended()).toBe(0);
    expect(passed()).toContain("devcloud.docker_ungated=1");
  });

  test.each(["devcloud.docker_ungated=0", "devcloud.docker_ungated=10", "xdevcloud.docker_ungated=1"])(
    "%s is not the kernel argument",
    async (cmdline) => {
      await write("proc/cmdline", `quiet ${cmdline} rw\n`);
      await start().says("waiting for");
    },
  );

  test("without rules waits at most 600 s, then starts", async () => {
    await start().says("for at most 600 s");
  });

  test.each([
    "-1",
    "1e9",
    "0x10",
    "10s",
    "",
    " ",
    "99999999999999999999",
    "604801",
    "$(touch pwned)",
    "`touch pwned`",
    "1;touch pwned",
    "*",
    '"5',
  ])("a hold of %j is not used", async (value) => {
    await rules(`DEVCLOUD_GATE_HOLD_SECONDS=${value}\nDEVCLOUD_GATE_THEN=start\n`);
    const waiting = start();
    // '"5' is 5 in half a pair of quotes: the only one of these that can be read.
    await waiting.says(value === '"5' ? "for at most 5 s" : "for at most 600 s");
    expect(existsSync("pwned") || existsSync(path("pwned"))).toBe(false);
  });

  test("says which value it does not use", async () => {
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=soon\nDEVCLOUD_GATE_THEN=explode\n");
    const line = await start().says("not valid and not used");
    expect(line).toContain("DEVCLOUD_GATE_HOLD_SECONDS");
    expect(line).toContain("DEVCLOUD_GATE_THEN");
  });

  test("reads quoted values, leading zeros, unknown keys, a last line without a line break", async () => {
    await rules('# comment\nPATH=/nowhere\nDEVCLOUD_GATE_HOLD_SECONDS="0090"\nDEVCLOUD_GATE_THEN="start"');
    await start().says("for at most 90 s");
  });

  test("survives rules that are binary", async () => {
    await write("var/lib/devcloud-agent/docker-gate.env", "\0\u0001\u00ff=\n=\n==\nDEVCLOUD_GATE_THEN\n");
    await start().says("for at most 600 s");
  });

  test("takes over rules that the agent writes while it waits", async () => {
    const waiting = start();
    await waiting.says("for at most 600 s");
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=0\nDEVCLOUD_GATE_THEN=start\n");
    expect(await waiting.ended()).toBe(0);
    expect(passed()).toContain("after 0 s");
  });

  test("Docker and network-online share one hold", async () => {
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=1\nDEVCLOUD_GATE_THEN=start\n");
    expect(await start("--online", "90").ended()).toBe(1);
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=0\n");
    const begun = readFileSync(path("run/devcloud-agent/docker-gate-since"), "utf8");
    expect(await start().ended()).toBe(0);
    expect(readFileSync(path("run/devcloud-agent/docker-gate-since"), "utf8")).toBe(begun);
  });

  test("--online says the truth: 0 with the flag, 1 when the time ran out, and lets Docker's own start wait", async () => {
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=0\n");
    expect(await start("--online", "90").ended()).toBe(1);
    expect(existsSync(path("run/devcloud-agent/docker-gate-passed"))).toBe(false);
    await write("run/devcloud-agent/net-ready", "");
    expect(await start("--online", "90").ended()).toBe(0);
  });

  test.each(["start", "wait"])("--online waits by its own bound, with then=%s as well", async (then) => {
    await rules(`DEVCLOUD_GATE_HOLD_SECONDS=3600\nDEVCLOUD_GATE_THEN=${then}\n`);
    await start("--online", "90").says("for at most 90 s");
    const short = start("--online", "1");
    expect(await short.ended()).toBe(1);
    expect(short.lines.join("\n")).toContain("after 1 s");
    // Docker itself goes on waiting by its own rule.
    await start().says(then === "wait" ? "without a limit" : "for at most 3600 s");
  });

  test("--online does not wait longer than Docker does", async () => {
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=7\n");
    await start("--online", "90").says("for at most 7 s");
  });

  test.each(["0.00 0.00\n", "9999999.99 0.00\n", "10000000.00 0.00\n", "999999999.99 0.00\n", "soon\n", ""])(
    "holds and lets go on a machine whose uptime is %j",
    async (uptime) => {
      await (await startAt(uptime)).says("for at most 600 s");
      await rules("DEVCLOUD_GATE_HOLD_SECONDS=0\n");
      const gate = await startAt(uptime);
      expect(await gate.ended()).toBe(0);
      expect(passed()).toContain("after 0 s");
    },
  );

  test.each(["", "-5", "99999999999", "soon", "$(id)"])(
    "a start of counting that says %j counts from now",
    async (since) => {
      await write("run/devcloud-agent/docker-gate-since", since);
      await rules("DEVCLOUD_GATE_HOLD_SECONDS=3600\n");
      await start().says("waiting for");
    },
  );

  test("lets Docker start where its own directory cannot be made", async () => {
    await write("run", "a file in the way");
    await rules("DEVCLOUD_GATE_HOLD_SECONDS=0\n");
    expect(await start().ended()).toBe(0);
  });

  test("ends when systemd stops Docker", async () => {
    const waiting = start();
    await waiting.says("waiting for");
    waiting.child.kill("SIGTERM");
    await waiting.ended();
    expect(waiting.child.signalCode).toBe("SIGTERM");
  });

  test.each([[["--force"]], [["--online"]], [["--online", "soon"]], [["--online", "1", "2"]]])(
    "refuses the arguments %j",
    async (args) => {
      expect(await start(...args).ended()).toBe(2);
    },
  );
});
