import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const source = new URL("../../../agent/system/notify.ts", import.meta.url).href;

/** Runs `code` in a process with a notifier, its descriptor 3 being a pipe; resolves to what came through that. */
function child(code: string, env: NodeJS.ProcessEnv): Promise<string> {
  const program = `
    const { openNotifier } = await import(${JSON.stringify(source)});
    const env = { ...process.env, LISTEN_PID: process.env.LISTEN_PID ?? String(process.pid) };
    const notifier = openNotifier(env);
    ${code}
  `;
  const started = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  let text = "";
  started.stdio[3]?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return new Promise((resolve) => started.once("close", () => resolve(text)));
}

const send = `await notifier.send(["READY=1", "STATUS=the network stands"]);`;

test("a message goes to the descriptor that was passed by its name, as one write", async () => {
  expect(await child(send, { LISTEN_FDS: "1", LISTEN_FDNAMES: "notify" })).toBe("READY=1\nSTATUS=the network stands");
});

test("descriptors of other names, for other processes or out of range are left alone", async () => {
  expect(await child(send, { LISTEN_FDS: "1", LISTEN_FDNAMES: "other" })).toBe("");
  expect(await child(send, { LISTEN_FDS: "1", LISTEN_FDNAMES: "notify", LISTEN_PID: "1" })).toBe("");
  expect(await child(send, { LISTEN_FDS: "1", LISTEN_FDNAMES: "other:notify" })).toBe("");
  expect(await child(send, {})).toBe("");
});

test("the watchdog is fed twice as often as the manager asks, and not where nobody watches", async () => {
  const tell = `await notifier.send([String(notifier.watchdogMs)]);`;
  const passed = { LISTEN_FDS: "1", LISTEN_FDNAMES: "notify" };
  expect(await child(tell, { ...passed, WATCHDOG_USEC: "4000000" })).toBe("2000");
  expect(await child(tell, passed)).toBe("undefined");
});

test("without a descriptor the systemd-notify program is asked, and its absence is no error", async () => {
  const folder = mkdtempSync(join(tmpdir(), "notify-"));
  const script = `#!/bin/sh\nprintf '%s\\n' "$@" >>'${folder}/said'\n`;
  writeFileSync(join(folder, "systemd-notify"), script);
  chmodSync(join(folder, "systemd-notify"), 0o755);
  const env = { NOTIFY_SOCKET: "/nowhere", PATH: `${folder}:/usr/bin:/bin` };
  await child(`${send} await notifier.send(["WATCHDOG=1"]);`, env);
  const said = readFileSync(join(folder, "said"), "utf8");
  expect(said).toContain("--ready");
  expect(said).toContain("the network stands");
  expect(said).toContain("WATCHDOG=1");
  rmSync(folder, { recursive: true });
  expect(await child(`${send} await notifier.send(["WATCHDOG=1"]);`, { NOTIFY_SOCKET: "/no", PATH: "/nowhere" })).toBe(
    "",
  );
});
