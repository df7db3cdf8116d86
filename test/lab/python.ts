import { existsSync } from "node:fs";
import { hostTools, type Say } from "./tools.ts";

export interface Python {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Python with the library that Open vSwitch ships for it, from this machine or unpacked beside it. */
export async function pythonWithOvs(say?: Say): Promise<Python> {
  const modules = "/usr/lib/python3/dist-packages";
  const env = await hostTools(say, [
    { commands: ["python3"], debian: "python3", fedora: "python3", why: "a second opinion on what a database holds" },
    {
      commands: [],
      files: [`${modules}/ovs/db/idl.py`],
      debian: "python3-openvswitch",
      fedora: "python3-openvswitch",
      why: "its IDL, a second opinion on what a database holds",
    },
    {
      commands: [],
      files: [`${modules}/sortedcontainers/__init__.py`],
      debian: "python3-sortedcontainers",
      fedora: "python3-sortedcontainers",
      why: "what that IDL needs",
    },
  ]);
  // The distribution's own, which the library's compiled part is made for.
  const command = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  return { command, env: { ...process.env, ...env } };
}
