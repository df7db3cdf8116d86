import { buildTree } from "../../packaging/build.ts";
import { seconds } from "./walk.ts";

/** Builds the program that lab hosts run, so that a lab never runs an older one than the sources. */
export async function ensureBuilt(say: (line: string) => void): Promise<void> {
  const begin = performance.now();
  const { bytes } = await buildTree();
  say(`lab: built devcloud-agent (${(bytes / 1e6).toFixed(2)} MB) in ${seconds(performance.now() - begin)}`);
}
