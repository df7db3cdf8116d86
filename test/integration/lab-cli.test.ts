import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "../lab/command.ts";
import { labs, traces } from "../lab/registry.ts";

const cli = fileURLToPath(import.meta.resolve("../lab/cli.ts"));

interface Session {
  readonly said: () => string;
  readonly until: (text: string) => Promise<void>;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly code: Promise<number | null>;
}

function lab(...args: readonly string[]): Session {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGTERM"));
  let text = "";
  const look = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      for (const each of look) each();
    });
  }
  const code = once(child, "close").then(([value]) => (typeof value === "number" ? value : null));
  const until = (wanted: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const see = (): void => {
        if (text.includes(wanted)) resolve();
      };
      look.add(see);
      see();
      void code.then((value) => reject(new Error(`The lab ended with ${value} before it said "${wanted}":\n${text}`)));
    });
  return { said: () => text, until, signal: (name) => void child.kill(name), code };
}

function idIn(text: string): string {
  return /lab: ([0-9a-z]{4}) is up/.exec(text)?.[1] ?? "";
}

describe("npm run lab", () => {
  test("follows the agent until Docker runs, and takes everything down on Ctrl-C, a second one included", async () => {
    const session = lab();
    await session.until("Docker runs");
    const id = idIn(session.said());
    expect((await labs()).filter((each) => each.live).map((each) => each.id)).toContain(id);
    expect(await traces(id)).not.toEqual([]);
    session.signal("SIGINT");
    await session.until("taking everything down");
    session.signal("SIGINT");
    expect(await session.code).toBe(0);
    expect(await traces(id)).toEqual([]);
    const said = session.said();
    expect(said.indexOf("net-ready")).toBeLessThan(said.indexOf("Docker runs"));
  });

  test("tells what it needs root for in one line and ends with 1", async () => {
    const done = await run(["unshare", "--user", process.execPath, cli]);
    expect(done.code).toBe(1);
    expect(done.stderr.trim().split("\n")).toHaveLength(1);
    expect(done.stderr).toContain("root");
  });

  test("ends with 2 and the usage on words that it does not know", async () => {
    for (const words of [["sideways"], ["--hosts", "none"], ["--colour"]]) {
      const done = await run([process.execPath, cli, ...words]);
      expect(done.code).toBe(2);
      expect(done.stderr).toContain("usage:");
    }
  });
});

describe("npm run lab -- demo", () => {
  test("walks through all steps and ends with 0", async () => {
    const session = lab("demo");
    expect(await session.code, session.said()).toBe(0);
    expect(session.said()).not.toContain("✗");
  });

  test("leaves nothing when it is interrupted, and ends with 130", async () => {
    const session = lab("demo");
    await session.until("Only then Docker starts");
    const id = /dcl-([0-9a-z]{4})-h1/.exec(session.said())?.[1] ?? "";
    session.signal("SIGINT");
    expect(await session.code).toBe(130);
    expect(await traces(id)).toEqual([]);
  });
});
