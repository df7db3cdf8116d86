import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../agent/system/clock.ts";
import { SystemHostFiles } from "../../../agent/system/host-files.ts";
import { openCollectors } from "../../../collectors/index.ts";
import { Scrape } from "../../../collectors/scrape.ts";
import { must, run } from "../../lab/command.ts";
import { metricsTools } from "../../lab/metrics-tools.ts";
import { NodeExporter } from "../../lab/node-exporter.ts";
import { parseMetrics, sorted } from "./text.ts";

const fixture = join(import.meta.dirname, "../../fixtures/host");

async function scrape(root: string): Promise<string> {
  using files = new SystemHostFiles(root, () => 5_000);
  const clock = { monotonic: () => performance.now(), sleep: systemClock.sleep };
  return await new Scrape(openCollectors({ host: files }), { clock, timeoutMs: () => 10_000 }).text();
}

/** Two values that are one number: node_exporter goes through floating point, the agent does not. */
function same(one: number, other: number): boolean {
  return Math.abs(one - other) <= 1e-12 * Math.max(Math.abs(one), Math.abs(other));
}

describe("beside Debian's node_exporter", () => {
  it("the agent serves the same families, types, helps and series of this machine", async () => {
    using exporter = await NodeExporter.start();
    const theirs = parseMetrics(await exporter.scrape());
    const ours = parseMetrics(await scrape("/"));
    expect(ours.families.size).toBeGreaterThan(100);
    expect(sorted(ours.families)).toEqual(sorted(theirs.families));
    expect([...ours.samples.keys()].sort()).toEqual([...theirs.samples.keys()].sort());
  });

  it("the agent serves the same values of a host that stands still", async () => {
    using exporter = await NodeExporter.start(fixture);
    const theirs = parseMetrics(await exporter.scrape());
    const ours = parseMetrics(await scrape(fixture));
    expect(sorted(ours.families)).toEqual(sorted(withNoHandler(theirs.families)));
    // Of these node_exporter asks the kernel of this machine, whatever the paths say, and the disk is in use.
    const ofTheMachine = /^node_(uname_info|filesystem_(avail|free)_bytes|filesystem_files_free|scrape_)/;
    // What it has from /proc/net/dev lacks this one, which it has only where it asks by netlink.
    const differ = [...ours.samples]
      .filter(([series]) => !ofTheMachine.test(series) && !series.startsWith("node_network_receive_nohandler_total"))
      .filter(([series, value]) => !same(value, theirs.samples.get(series) ?? Number.NaN));
    expect(differ).toEqual([]);
    const missing = [...theirs.samples.keys()].filter((series) => !ours.samples.has(series));
    expect(missing.filter((series) => !ofTheMachine.test(series))).toEqual([]);
  });

  it("promtool finds nothing, but that node_exporter's names of /proc/meminfo are in camel case", async () => {
    const env = { ...process.env, ...(await metricsTools()) };
    for (const text of [await scrape("/"), await readFile(`${fixture}.prom`, "utf8")]) {
      const { stderr, stdout } = await run(["promtool", "check", "metrics"], { env, input: text });
      const found = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
      const allowed = /^node_memory_\w+ metric names should be written in 'snake_case' not 'camelCase'$/;
      expect(found.filter((line) => !allowed.test(line))).toEqual([]);
    }
  });

  it("promtool would find a family that is wrong", async () => {
    const env = { ...process.env, ...(await metricsTools()) };
    const wrong = "# HELP a_b help\n# TYPE a_b counter\na_b 1\na_b 2\n";
    expect((await run(["promtool", "check", "metrics"], { env, input: wrong })).code).not.toBe(0);
    await must(["promtool", "--version"], { env });
  });
});

function withNoHandler(families: ReadonlyMap<string, { readonly help: string; readonly type: string }>) {
  const head = { help: "Network device statistic receive_nohandler.", type: "counter" };
  return new Map([...families, ["node_network_receive_nohandler_total", head]]);
}
