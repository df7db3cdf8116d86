import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { hostTools, type Need, type Say, type ToolEnv } from "../lab/tools.ts";

/** systemd's commands, from this machine or unpacked beside it; none of them needs a systemd that runs. */
const systemd: readonly Need[] = [
  {
    commands: ["systemd-analyze", "systemctl", "systemd-sysusers", "systemd-tmpfiles"],
    debian: "systemd",
    fedora: "systemd",
    why: "checking the units, accounts and directories that the package ships",
  },
];

/** What the boot lane itself starts on this machine, beyond what a lab starts. */
const nspawn: readonly Need[] = [
  {
    commands: ["systemd-nspawn"],
    debian: "systemd-container",
    fedora: "systemd-container",
    why: "booting a systemd of its own",
  },
  { commands: ["mmdebstrap"], debian: "mmdebstrap", fedora: "mmdebstrap", why: "making the root of that system" },
];

const ostree: readonly Need[] = [
  { commands: ["ostree"], debian: "ostree", fedora: "ostree", why: "a sysroot with deployments to read" },
];

export async function ostreeTools(say?: Say): Promise<ToolEnv> {
  return await hostTools(say, ostree);
}

export async function systemdTools(say?: Say): Promise<ToolEnv> {
  return withSystemdLibraries(await hostTools(say, systemd));
}

export async function bootTools(say: Say): Promise<ToolEnv> {
  return withSystemdLibraries(await hostTools(say, nspawn));
}

/** systemd's programs look for their common library in a folder of its own, at its installed place only. */
function withSystemdLibraries(env: ToolEnv): ToolEnv {
  const folders = (env.LD_LIBRARY_PATH ?? "").split(delimiter).filter(Boolean);
  if (folders.length === 0) return env;
  const own = folders.map((folder) => join(folder, "systemd")).filter((folder) => existsSync(folder));
  return { ...env, LD_LIBRARY_PATH: [...own, ...folders].join(delimiter) };
}
