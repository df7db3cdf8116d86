import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Configuration } from "../../agent/configuration.ts";
import type { Problem } from "../../agent/core/errors.ts";
import { placesUnder } from "../../agent/system/places.ts";
import { MINIMAL } from "./config/helpers.ts";

const FRAGMENT = "etc/devcloud-agent/config.d/50-host.yaml";
const WRONG = "containers: { default: sometimes }\n";

async function aHost(fragment: string) {
  const root = await mkdtemp(join(tmpdir(), "devcloud-configuration-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const places = placesUnder(root);
  const told: Problem[] = [];
  const facts: { applying: boolean; lastGood: boolean; takeBack?: { previous: string | null } } = {
    applying: false,
    lastGood: false,
  };
  const host = {
    facts,
    told,
    kept: places.keptConfiguration,
    async write(text: string, path = FRAGMENT): Promise<void> {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    },
    /** What a daemon that starts now finds. */
    async start(): Promise<Configuration> {
      const configuration = new Configuration(places, {
        onProblem: (problem) => told.push(problem),
        applying: async () => facts.applying,
        takeBack: async () => facts.takeBack,
        hasLastGood: async () => facts.lastGood,
      });
      await configuration.load();
      return configuration;
    },
    /** A daemon that ran with a valid configuration and has ended. */
    async ran(text: string): Promise<void> {
      await host.write(text);
      await (await host.start()).keep();
    },
  };
  await host.write(fragment);
  return host;
}

it("what was valid stays in force over a restart with an invalid configuration, whole, and it is said", async () => {
  const host = await aHost(MINIMAL);
  const metrics = "metrics: { listen: ['127.0.0.1:9470'] }\ncontroller: { allow: ['config:os'] }\n";
  await host.ran(MINIMAL + metrics);
  const before = await host.start();
  await host.write(MINIMAL + WRONG);
  const after = await host.start();
  expect(after.inForce).toBe("last-good");
  expect(after.settings).toEqual(before.settings);
  expect(after.merged).toEqual(before.merged);
  const [first, second] = (await after.wanted()).problems;
  expect(first?.code).toBe("E_CONFIG_INVALID");
  expect(first?.message).toMatch(/the last good one stays in force: .*sometimes.*50-host.yaml:\d+/);
  expect(second?.code).toBe("E_CONFIG_VALUE");
  expect(host.told).toContainEqual(first);
  expect((await after.wanted()).desired).toEqual((await before.wanted()).desired);
  await host.write(MINIMAL);
  await after.load();
  expect([after.inForce, after.notice, (await after.wanted()).problems]).toEqual(["written", undefined, []]);
  await host.write(WRONG);
  await after.load();
  expect([after.inForce, after.notice?.code]).toEqual(["last-good", "E_CONFIG_INVALID"]);
});

it("an invalid configuration is never kept, and what is kept is for root's eyes and says nothing that was not written", async () => {
  const host = await aHost(MINIMAL);
  await host.ran("version: 1\nhost: { name: h1 }\n");
  expect(statSync(host.kept).mode & 0o777).toBe(0o600);
  const text = readFileSync(host.kept, "utf8");
  expect(JSON.parse(text)).toMatchObject({ version: 1, data: { merged: { version: 1, host: { name: "h1" } } } });
  await host.write(WRONG);
  await (await host.start()).keep();
  expect(readFileSync(host.kept, "utf8")).toBe(text);
});

it("neither what is on trial nor what break-glass says is kept", async () => {
  const host = await aHost(MINIMAL);
  host.facts.applying = true;
  await host.ran(MINIMAL);
  expect(existsSync(host.kept)).toBe(false);
  host.facts.applying = false;
  await host.write("network: { mode: observe }\n", "run/devcloud-agent/override.d/99-now.yaml");
  await host.ran(MINIMAL);
  expect(existsSync(host.kept)).toBe(false);
});

it.each([
  ["of another version", '{"version":2,"crc32":0,"data":{}}\n'],
  ["that is damaged", '{"version":1,"crc32":0,"data":{"merged":{"version":1}}}\n'],
])("a kept configuration %s is put aside and told, and nothing but the defaults is left", async (_, content) => {
  const host = await aHost(MINIMAL + WRONG);
  host.facts.lastGood = true;
  await mkdir(dirname(host.kept), { recursive: true });
  await writeFile(host.kept, content);
  const configuration = await host.start();
  expect([configuration.inForce, configuration.settings]).toEqual(["none", undefined]);
  expect(host.told.map(({ code }) => code)).toEqual(["E_STATE_UNREADABLE", "E_CONFIG_INVALID"]);
  expect(readFileSync(`${host.kept}.unreadable`, "utf8")).toBe(content);
});

it("a host without a last good network begins with a network that is right by itself, and follows it until one is good", async () => {
  const host = await aHost(MINIMAL + WRONG);
  const configuration = await host.start();
  expect(configuration.inForce).toBe("network-alone");
  const vlan = () => configuration.settings?.network?.vlans.management;
  expect(vlan()).toBe(100);
  await host.write(MINIMAL.replace("management: 100", "management: 101") + WRONG);
  await configuration.load();
  expect(vlan()).toBe(101);
  await configuration.keep();
  expect(existsSync(host.kept)).toBe(false);
  host.facts.lastGood = true;
  await host.write(MINIMAL.replace("management: 100", "management: 102") + WRONG);
  await configuration.load();
  expect([configuration.inForce, vlan()]).toEqual(["network-alone", 101]);
  expect((await host.start()).settings).toBeUndefined();
});

it("what failed and could not be taken back is not in force: what was there before it is, and it is a problem", async () => {
  const host = await aHost(`${MINIMAL}controller: { allow: ['config:network.vlans'] }\n`);
  const fragment = "var/lib/devcloud-agent/controller/50-controller.yaml";
  await host.write("version: 1\nnetwork: { vlans: { backup: 109 } }\n", fragment);
  host.facts.takeBack = { previous: "version: 1\nnetwork: { vlans: { backup: 108 } }\n" };
  const configuration = await host.start();
  expect(configuration.settings?.network?.vlans).toMatchObject({ backup: 108 });
  expect((await configuration.wanted()).problems.map(({ code }) => code)).toEqual(["E_CONTROLLER_TAKE_BACK"]);
  host.facts.takeBack = { previous: null };
  await configuration.load();
  expect(configuration.settings?.network?.vlans).not.toHaveProperty("backup");
  delete host.facts.takeBack;
  await configuration.load();
  expect((await configuration.wanted()).problems).toEqual([]);
});
