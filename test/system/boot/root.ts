import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { run, withLock } from "../../lab/command.ts";
import type { Say, ToolEnv } from "../../lab/tools.ts";

const release = "bookworm";

/** What the host under test has installed. The list is part of the cache's key. */
const packages = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "openvswitch-switch",
  "docker.io",
  "iproute2",
  "iputils-arping",
  "iputils-ping",
  "busybox-static",
  "ethtool",
  "kmod",
  "procps",
  // For the pinned Node, which is copied in.
  "libatomic1",
  "libstdc++6",
];

const slimming = ["doc", "man", "locale", "info", "lintian", "zoneinfo"].map((name) => `/usr/share/${name}`);

/**
 * A Debian 12 with systemd, Open vSwitch and Docker as a folder below `$XDG_CACHE_HOME/devcloud-agent` (default ~/.cache), made
 * on first use (minutes) and never written to afterwards: hosts lay their own files over it. Two runs at once are safe.
 */
export async function baseRoot(env: ToolEnv, say: Say): Promise<string> {
  const key = createHash("sha256").update(["2", process.arch, release, ...packages, ...slimming].join("\n"));
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "devcloud-agent", "boot-root");
  const folder = join(cache, key.digest("hex").slice(0, 12));
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  await withLock(join(cache, "lock"), async () => {
    if (!existsSync(folder)) await makeRoot(folder, env, say);
  });
  return folder;
}

async function makeRoot(folder: string, env: ToolEnv, say: Say): Promise<void> {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  say(`boot: making a Debian root in ${folder}; this takes a few minutes, once`);
  const begun = performance.now();
  // What mmdebstrap mounts is in a namespace of its own and ends with it, so that removing a half-made root is safe.
  const guard = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave"];
  const options = [
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    `--include=${packages.join(",")}`,
    // The root is a cache: a crash while it is made throws it away as a whole.
    "--dpkgopt=force-unsafe-io",
    "--aptopt=Apt::Install-Recommends false",
    "--aptopt=Acquire::Retries 3",
    ...(await proxyOptions()),
    `--customize-hook=cd "$1" && rm -rf ${slimming.map((path) => `.${path}`).join(" ")}`,
  ];
  const mirror = await mirrorOf();
  const argv = [...guard, "mmdebstrap", ...options, release, partial, ...(mirror === undefined ? [] : [mirror])];
  const code = await withProgress(argv, env);
  if (code !== 0) throw new Error(`mmdebstrap ended with ${code}, see above`);
  await rename(partial, folder);
  say(`boot: the root is made, ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}

/** The mirror that this machine's own apt uses for the release; undefined: mmdebstrap's default. */
async function mirrorOf(): Promise<string | undefined> {
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  const found = await run(["apt-get", "indextargets", "--format", format, "Identifier: Packages"]);
  const line = found.stdout.split("\n").find((text) => text.endsWith(` ${release} main`));
  return line?.split(" ")[0];
}

async function proxyOptions(): Promise<readonly string[]> {
  const dump = await run([
    "apt-config",
    "dump",
    "--format",
    "%f %v%n",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
  ]);
  return dump.stdout
    .split("\n")
    .filter((line) => line.includes("::Proxy "))
    .map((line) => `--aptopt=${line}`);
}

/** Its output goes to our stderr as it comes. */
function withProgress(argv: readonly string[], env: ToolEnv): Promise<number> {
  const [command = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", 2, 2] });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 137));
  });
}
