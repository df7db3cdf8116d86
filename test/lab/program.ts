import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildTree } from "../../packaging/build.ts";
import { seconds } from "./walk.ts";

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const bundle = join(repository, "dist/usr/lib/devcloud-agent/devcloud-agent.mjs");

/** Builds the program that lab hosts run, so that a lab never runs an older one than the sources. */
export async function ensureBuilt(say: (line: string) => void): Promise<void> {
  const begin = performance.now();
  const { bytes } = await buildTree();
  say(`lab: built devcloud-agent (${(bytes / 1e6).toFixed(2)} MB) in ${seconds(performance.now() - begin)}`);
}

/** The agent of a lab: a copy of the bundle, so that a later build does not change a running lab; else the sources. */
export async function programFor(labFolder: string): Promise<string> {
  const copy = join(labFolder, "devcloud-agent.mjs");
  // A build that replaces dist/ takes it away for an instant.
  for (let attempt = 0; attempt < 3; attempt++) {
    const copied = await copyFile(bundle, copy).then(
      () => true,
      () => false,
    );
    if (copied) return copy;
    await delay(30);
  }
  return join(repository, "agent/main.ts");
}
