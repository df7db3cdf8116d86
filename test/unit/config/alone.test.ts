import { expect, it } from "vitest";
import { loadSettings } from "../../../agent/config/load.ts";
import { defaultTiming } from "../../../agent/config/timing.ts";
import { MINIMAL, parse, tableOfFiles } from "./helpers.ts";

function aloneOf(...texts: string[]) {
  const result = parse(...texts);
  expect(result.ok).toBe(false);
  return result.ok ? undefined : result.alone;
}

it.each([
  "containers: { default: sometimes, restart: [nova_compute] }",
  "metrics: { listen: ['0.0.0.0:9464'], web_config: relative }",
  "metrics: { listen: ['mgmt9:9464'] }",
  "controller: { endpoints: ['ws://10.0.0.1/'], allow: ['config:network'] }",
  "os: { mode: manage, mood: bad }",
  "docker_gate: []",
  "maintenance: { until: tomorrow }",
])("a network is right by itself next to `%s`, and nothing else of the configuration counts", (wrong) => {
  const right = parse(MINIMAL);
  const alone = aloneOf(MINIMAL, wrong);
  expect(alone?.networkHash).toBe(right.ok && right.networkHash);
  const { containers, controller, os, maintenance, metrics } = alone?.settings ?? {};
  expect({ containers, controller, os, maintenance }).toEqual({});
  expect(metrics?.listen).toEqual(["127.0.0.1:9464"]);
  expect(metrics?.webConfig).toBeUndefined();
});

it("durations that are right count for the network, and where they are not the defaults do", () => {
  const wrong = "containers: []";
  const timing = "timing: { probe_interval: 300ms }";
  expect(aloneOf(MINIMAL, wrong, timing)?.settings.timing.probeIntervalMs).toBe(300);
  expect(aloneOf(MINIMAL, wrong, "timing: { probe_interval: soon }")?.settings.timing).toEqual(defaultTiming);
});

it("a change that could not be confirmed by the default durations is no network by itself", () => {
  const short = "network: { confirm: { deadline: 2s } }\ntiming: { probe_interval: 100ms, backoff_max: never }";
  expect(aloneOf(MINIMAL, short)).toBeUndefined();
});

it.each([
  ["a wrong value in the network", "network: { vlans: { management: 4095 } }"],
  ["a reference in the network that leads nowhere", "network: { bond: { members: [em1, em3] } }"],
  ["a wrong host", "host: { dns: [nowhere] }"],
  ["another version", "version: 2"],
  ["a section that nothing is called by, which may have been meant for the network", "netwrok: { mode: observe }"],
  ["such a section that would have taken something away", "netwrok: null"],
  ["a key twice", "network: { mode: observe, mode: enforce }"],
  ["a fragment that is no map", "- network"],
  ["a fragment that is no YAML", "network: ["],
])("there is no network alone with %s", (_, wrong) => {
  expect(aloneOf(MINIMAL, "metrics: []", wrong)).toBeUndefined();
});

it("there is no network alone without a network, or with a file that would not be read", async () => {
  expect(aloneOf("version: 1", "metrics: []")).toBeUndefined();
  const folder = "/etc/devcloud-agent/config.d";
  const files = { [`${folder}/50-host.yaml`]: MINIMAL, [`${folder}/override.yaml`]: "network: { mode: observe }" };
  const result = await loadSettings("/", tableOfFiles(files));
  expect(result).toMatchObject({ ok: false });
  expect(result).not.toHaveProperty("alone");
});

it("what the controller sent is no part of the network alone", async () => {
  const result = await loadSettings(
    "/",
    tableOfFiles({
      "/etc/devcloud-agent/config.d/50-host.yaml": `${MINIMAL}controller: { allow: ["config:network.vlans"], more: 1 }\n`,
      "/var/lib/devcloud-agent/controller/50-controller.yaml": "network: { vlans: { tenants: 200 } }\n",
    }),
  );
  expect(result.ok ? undefined : result.alone?.settings.network?.vlans).toEqual({ management: 100 });
});
