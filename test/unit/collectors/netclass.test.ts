import { basename, join } from "node:path";
import { expect, it } from "vitest";
import { netclass } from "../../../collectors/netclass/netclass.ts";
import { fixtureFiles } from "../../fakes/host-files.ts";
import { fixtures } from "./scrapes.ts";

const folder = "sys/class/net/em1";

/** What was read of em1 on the event loop and off it, and the duplex that the information says. */
async function scraped(changed: Readonly<Record<string, string | undefined>>) {
  const host = fixtureFiles(join(fixtures, "host"), changed);
  const at: { readonly once: string[]; readonly slow: string[] } = { once: [], slow: [] };
  const kept = (into: string[]) => (path: string) => {
    if (path.startsWith(`${folder}/`)) into.push(basename(path));
    return host.read(path);
  };
  const families = await netclass({ ...host, read: kept(at.once), readSlow: kept(at.slow) }).collect();
  const info = families.find(({ name }) => name === "node_network_info");
  const em1 = [...(info?.samples ?? [])].find(({ labels }) => labels.includes("em1"));
  return { ...at, duplex: em1?.labels[info?.labels.indexOf("duplex") ?? 0] };
}

it("what the driver is asked for, under the kernel's lock, is never read on the event loop", async () => {
  const { once, slow, duplex } = await scraped({});
  expect(once).toContain("carrier");
  expect(once.filter((name) => name === "duplex" || name === "speed")).toEqual([]);
  expect([slow.toSorted(), duplex]).toEqual([["duplex", "speed"], "full"]);
});

it("a device without a link tells its duplex, and one that is down is not asked", async () => {
  expect(await scraped({ [`${folder}/carrier`]: "0\n" })).toMatchObject({ slow: ["duplex"], duplex: "full" });
  expect(await scraped({ [`${folder}/carrier`]: undefined })).toMatchObject({ slow: [], duplex: "" });
});
