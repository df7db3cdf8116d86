import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseFragments } from "../../../agent/config/load.ts";
import { importNetwork } from "../../../agent/network/import.ts";
import { importedText } from "../../../agent/network/import-text.ts";
import { parseAll } from "../../../agent/system/ip-whole.ts";
import { type HostFile, observedOf } from "./cases.ts";

const folder = join(import.meta.dirname, "../../cases/network-import");

/** What `ip` prints of a host, and the bridges of its Open vSwitch, where it has one. */
interface ImportFile extends Pick<HostFile, "bridges" | "external_ids"> {
  readonly links: readonly object[];
  readonly routes: readonly object[];
  readonly dns: readonly string[];
}

function importCase(name: string) {
  const file = JSON.parse(readFileSync(join(folder, name, "host.json"), "utf8")) as ImportFile;
  const { links, routes, dns, bridges, external_ids = {} } = file;
  const kernel = parseAll(JSON.stringify(links), JSON.stringify(routes));
  return importNetwork({
    kernel,
    dns,
    ...(bridges === undefined ? {} : { ovs: observedOf({ bridges, external_ids }).ovs }),
  });
}

const names = readdirSync(folder).toSorted();

test("there are cases", () => {
  expect(names.length).toBeGreaterThanOrEqual(14);
});

describe("the import of a host", () => {
  test.each(names.filter((name) => !name.startsWith("refused-")))("with %s is a valid configuration", async (name) => {
    const result = importCase(name);
    if (!result.ok) throw new Error(result.why.join("; "));
    const text = importedText(result.network);
    await expect(text).toMatchFileSnapshot(join(folder, name, "expected.yaml"));
    const parsed = parseFragments([{ file: "50-host.yaml", rank: 2, text }]);
    expect(parsed.ok ? [] : parsed.problems).toEqual([]);
    expect(parsed.ok && parsed.settings.network?.mode).toBe("observe");
  });

  test.each(names.filter((name) => name.startsWith("refused-")))("%s says why, by name", async (name) => {
    const result = importCase(name);
    const why = result.ok ? importedText(result.network) : `${result.why.join("\n")}\n`;
    expect(result.ok, why).toBe(false);
    await expect(why).toMatchFileSnapshot(join(folder, name, "why.txt"));
    expect(existsSync(join(folder, name, "expected.yaml"))).toBe(false);
  });
});
