import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCollectors } from "../../../collectors/index.ts";
import { Scrape } from "../../../collectors/scrape.ts";
import { FakeClock } from "../../fakes/clock.ts";
import { fixtureFiles } from "../../fakes/host-files.ts";
import { fixtures, sampleOf, scrapeFixture } from "./scrapes.ts";

const files = {
  cpu: "proc/stat",
  diskstats: "proc/diskstats",
  filesystem: "proc/1/mounts",
  loadavg: "proc/loadavg",
  meminfo: "proc/meminfo",
  netdev: "proc/net/dev",
  pressure: "proc/pressure/io",
  stat: "proc/stat",
  uname: "proc/sys/kernel/version",
} as const;

function failed(text: string): readonly string[] {
  return [...text.matchAll(/^node_scrape_collector_success\{collector="(.+)"\} 0$/gm)].map(([, name = ""]) => name);
}

/** What a parser of the exposition format takes for a line. */
const LINE = /^(# (HELP|TYPE) .+|[a-zA-Z_:][\w:]*(\{([a-z_]+="([^"\\\n]|\\[\\"n])*",?)*\})? (NaN|[+-]Inf|[\d.e+]+))$/;

describe("a host whose kernel says something strange", () => {
  it.each(Object.entries(files))("costs only %s its families when %s is missing", async (name, path) => {
    const gone = name === "filesystem" ? { [path]: undefined, "proc/self/mounts": undefined } : { [path]: undefined };
    const others = Object.entries(files).filter(([, file]) => file === path);
    expect(failed(await scrapeFixture(gone))).toEqual(others.map(([other]) => other));
  });

  const strange = {
    garbage: '\u0000\ufffd{}" \\ = -1 0x 99999999999999999999999999 kB\n',
    empty: "",
    huge: `${"9".repeat(1000)} `.repeat(1000),
    negative: "cpu0 -1 -2 -3 -4\nMemTotal: -5 kB\n-1.0 -2.0 -3.0 1/2 3\n",
  };
  it.each(Object.entries(strange))("never makes it expose a line that is none: %s", async (_name, text) => {
    for (const path of new Set(Object.values(files))) {
      const lines = (await scrapeFixture({ [path]: text })).split("\n").filter((line) => line !== "");
      expect(lines.filter((line) => !LINE.test(line))).toEqual([]);
    }
  });

  it("never makes it expose a line that is none: every file cut at every place", async () => {
    const host = fixtureFiles(join(fixtures, "host"));
    for (const path of new Set(Object.values(files))) {
      const text = await host.read(path);
      for (let at = 0; at < text.length; at += Math.ceil(text.length / 40)) {
        const lines = (await scrapeFixture({ [path]: text.slice(0, at) })).split("\n").filter((line) => line !== "");
        expect(lines.filter((line) => !LINE.test(line))).toEqual([]);
      }
    }
  });

  it("is taken at its word where a newer kernel adds fields", async () => {
    const host = fixtureFiles(join(fixtures, "host"));
    const wider = (text: string): string => text.replaceAll(/\d+$/gm, "$& 77 78 79");
    const changed: Record<string, string> = {};
    for (const path of ["proc/stat", "proc/diskstats"]) changed[path] = wider(await host.read(path));
    expect(failed(await scrapeFixture(changed))).toEqual([]);
  });

  it("may lose a device between two looks", async () => {
    const text = await scrapeFixture({ "sys/class/net/em1/ifindex": undefined });
    expect(failed(text)).toEqual([]);
    expect(sampleOf(text, 'node_network_up{device="em1"}')).toBeUndefined();
    expect(sampleOf(text, 'node_network_up{device="lo"}')).toBe("0");
  });

  it("exposes a strange mount point and a strange device as they are", async () => {
    const mounts = '/dev/sdz /mnt/a\\040b\\134c"d ext4 rw 0 0\n';
    const text = await scrapeFixture({ "proc/1/mounts": mounts });
    expect(text).toContain(
      'node_filesystem_readonly{device="/dev/sdz",fstype="ext4",mountpoint="/mnt/a b\\\\c\\"d"} 0',
    );
  });

  it("lets a counter go back, except that of a processor, and that one anew after a reset", async () => {
    let stat = "";
    const files = { ...fixtureFiles(join(fixtures, "host")) };
    const read = files.read;
    files.read = async (path) => (path === "proc/stat" && stat !== "" ? stat : read(path));
    const scrape = new Scrape(openCollectors({ host: files }), { clock: new FakeClock(), timeoutMs: () => 1000 });
    const iowait = async (line: string): Promise<string | undefined> => {
      stat = `${line}\n`;
      return sampleOf(await scrape.text(), 'node_cpu_seconds_total{cpu="0",mode="iowait"}');
    };
    expect(await iowait("cpu0 10 0 10 1000 500 0 0 0 0 0")).toBe("5");
    expect(await iowait("cpu0 20 0 20 1100 450 0 0 0 0 0")).toBe("5");
    expect(await iowait("cpu0 20 0 20 1100 510 0 0 0 0 0")).toBe("5.1");
    expect(await iowait("cpu0 1 0 1 100 7 0 0 0 0 0")).toBe("0.07");
  });
});
