import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseFragments } from "../../../agent/config/load.ts";
import type { NetworkSettings } from "../../../agent/config/settings.ts";

const file = join(import.meta.dirname, "../../../packaging/usr/share/doc/devcloud-agent/host.yaml");

/** The network of the commented example. */
export function exampleNetwork(): NetworkSettings {
  const result = parseFragments([{ file, rank: 2, text: readFileSync(file, "utf8") }]);
  if (!result.ok || result.settings.network === undefined) throw new Error("the example is valid and has a network");
  return result.settings.network;
}
