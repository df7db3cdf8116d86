import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "../lab/command.ts";

const program = join(import.meta.dirname, "../../packaging/usr/libexec/devcloud-agent/rescue");
const ours = "var/lib/devcloud-agent/rescue.sh";
const kickstarts = "etc/devcloud-agent/rescue.sh";

describe("the rescue", () => {
  let root = "";
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  /** A script that leaves a trace and ends with `code`. */
  const script = (name: string, code = 0): string => `echo ${name} >>'${root}/trace'\nexit ${code}\n`;
  const rescue = () => run(["/bin/sh", program], { env: { PATH: "/usr/bin:/bin", DEVCLOUD_ROOT: root } });
  const trace = (): string => (existsSync(join(root, "trace")) ? readFileSync(join(root, "trace"), "utf8") : "");
  const rescued = (): boolean => existsSync(join(root, "run/devcloud-agent/rescued"));

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "devcloud-rescue-"));
    await mkdir(join(root, "run/devcloud-agent"), { recursive: true });
  });

  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  test("runs the agent's script, not kickstart's, and remembers that it helped", async () => {
    await put(ours, script("ours"));
    await put(kickstarts, script("kickstart"));
    expect((await rescue()).code).toBe(0);
    expect(trace()).toBe("ours\n");
    expect(rescued()).toBe(true);
  });

  test("runs kickstart's script where the agent never wrote one, or left it empty", async () => {
    await put(ours, "");
    await put(kickstarts, script("kickstart"));
    expect((await rescue()).code).toBe(0);
    expect(trace()).toBe("kickstart\n");
  });

  test("does not go back to kickstart's script when the agent's fails: its addresses are those of the installation", async () => {
    await put(ours, script("ours", 1));
    await put(kickstarts, script("kickstart"));
    expect((await rescue()).code).toBe(1);
    expect(trace()).toBe("ours\n");
    expect(rescued()).toBe(false);
  });

  test("fails when no script helped, so that the second occasion tries again", async () => {
    await put(ours, script("ours", 1));
    expect((await rescue()).code).toBe(1);
    expect(rescued()).toBe(false);
  });

  test("runs nothing when the network came up meanwhile", async () => {
    await put(ours, script("ours"));
    await put("run/devcloud-agent/net-ready", "");
    expect((await rescue()).code).toBe(0);
    expect(trace()).toBe("");
  });

  test("needs no right to execute files below /var", async () => {
    await put(ours, script("ours"));
    expect((await rescue()).code).toBe(0);
    expect(trace()).toBe("ours\n");
  });
});
