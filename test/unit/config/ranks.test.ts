import { describe, expect, it } from "vitest";
import { loadFiles, loadSettings } from "../../../agent/config/load.ts";
import { complaints, MINIMAL, tableOfFiles } from "./helpers.ts";

const IMAGE = "/usr/lib/devcloud-agent/config.d";
const HOST = "/etc/devcloud-agent/config.d";
const CONTROLLER = "/var/lib/devcloud-agent/controller";
const OPERATOR = "/etc/devcloud-agent/override.d";
const GLASS = "/run/devcloud-agent/override.d";

function load(table: Readonly<Record<string, string | Uint8Array>>) {
  return loadSettings("/", tableOfFiles(table));
}

/** A VLAN id that tells who said it. */
const says = (id: number) => `network: { vlans: { management: ${id} } }\n`;

const OPEN = 'controller: { allow: ["config:network.vlans", "order:drain"] }\n';

describe("ranks", () => {
  it("outrank one another in the order of the contract", async () => {
    const all = [
      [`${IMAGE}/90-x.yaml`, says(1)],
      [`${HOST}/80-x.yaml`, says(2)],
      [`${CONTROLLER}/70-x.yaml`, says(3)],
      [`${OPERATOR}/60-x.yaml`, says(4)],
      [`${GLASS}/50-x.yaml`, says(5)],
    ] as const;
    const ids: unknown[] = [];
    for (const count of [1, 2, 3, 4, 5]) {
      const files = Object.fromEntries([[`${IMAGE}/00-base.yaml`, MINIMAL + OPEN], ...all.slice(0, count)]);
      const result = await load(files);
      ids.push(result.ok ? result.settings.network?.vlans.management : complaints(result));
    }
    expect(ids).toEqual([1, 2, 3, 4, 5]);
  });

  it("sort by name within themselves", async () => {
    const result = await load({
      [`${HOST}/10-b.yaml`]: says(3),
      [`${HOST}/10-a.yaml`]: says(2),
      [`${HOST}/00-base.yaml`]: MINIMAL,
    });
    expect(result.sources.map(({ file }) => file)).toEqual([
      `${HOST}/00-base.yaml`,
      `${HOST}/10-a.yaml`,
      `${HOST}/10-b.yaml`,
    ]);
    expect(result.ok && result.settings.network?.vlans.management).toBe(3);
  });

  it("are looked for below another root when there is one", async () => {
    const result = await loadSettings("/lab/host1", tableOfFiles({ [`/lab/host1${HOST}/50-host.yaml`]: MINIMAL }));
    expect(complaints(result)).toEqual([]);
  });

  it("let a later one delete what an earlier one said", async () => {
    const result = await load({ [`${HOST}/50-host.yaml`]: MINIMAL, [`${GLASS}/00-off.yaml`]: "network: null\n" });
    expect(result.ok && result.settings.network).toBeUndefined();
    expect(result.ok).toBe(true);
  });

  it("pass over files that are plainly no fragments, and refuse those that were meant to be", async () => {
    const result = await load({
      [`${HOST}/50-host.yaml`]: MINIMAL,
      [`${HOST}/README`]: "[",
      [`${HOST}/50-host.yaml~`]: "[",
      [`${HOST}/.50-host.yaml.swp`]: "[",
      [`${HOST}/60-more.yaml.rpmsave`]: "[",
      [`${HOST}/7-seven.yaml`]: "version: 1",
    });
    expect(complaints(result)).toEqual(["E_CONFIG_FILE_NAME"]);
  });

  it("do not matter to files that are named on the command line", async () => {
    const files = tableOfFiles({ "/tmp/b": says(7), "/tmp/a": MINIMAL });
    const result = await loadFiles(["/tmp/a", "/tmp/b"], files);
    expect(result.ok && result.settings.network?.vlans.management).toBe(7);
    expect(complaints(await loadFiles(["/tmp/a", "/tmp/none"], files))).toEqual(["E_FILE_MISSING"]);
  });
});

describe("what the controller sends", () => {
  const withController = (sent: string, allow = OPEN, more: Record<string, string> = {}) =>
    load({ [`${HOST}/50-host.yaml`]: MINIMAL + allow, [`${CONTROLLER}/50-sent.yaml`]: sent, ...more });

  it("counts where controller.allow opens it", async () => {
    const result = await withController(says(3));
    expect(result.ok && result.settings.network?.vlans.management).toBe(3);
  });

  it("is closed by default", async () => {
    const result = await withController(says(3), "");
    expect(result.ok && result.settings.network?.vlans.management).toBe(100);
    expect(complaints(result)).toEqual(["warning E_CONFIG_CLOSED network.vlans.management"]);
  });

  it("is left out as a whole for one closed key, even one that deletes or is empty", async () => {
    for (const closed of [
      "docker_gate: { hold: 1s }",
      "docker_gate: null",
      "metrics: null",
      "metrics: {}",
      "network: { bond: null }",
    ]) {
      const result = await withController(
        `${says(3)}`.replace("network: {", closed.startsWith("network") ? "network: { bond: null," : "network: {") +
          (closed.startsWith("network") ? "" : `${closed}\n`),
      );
      expect(result.ok && result.settings.network?.vlans.management).toBe(100);
      expect(complaints(result).map((line) => line.split(" ")[1])).toEqual(["E_CONFIG_CLOSED"]);
    }
  });

  it("cannot replace a map that holds a closed part", async () => {
    const allow = 'controller: { allow: ["config:metrics"] }\nmetrics: { listen: ["127.0.0.1:1"], web_config: /a }\n';
    for (const sent of [
      "metrics: null",
      "metrics: {}",
      "metrics: x",
      "metrics: { web_config: null }",
      "metrics: { listen: [] }",
    ]) {
      const result = await withController(`${sent}\n`, allow);
      expect(complaints(result).map((line) => line.split(" ")[1])).toEqual(["E_CONFIG_CLOSED"]);
      expect(result.ok && result.settings.metrics).toMatchObject({ listen: ["127.0.0.1:1"], webConfig: "/a" });
    }
  });

  it("cannot open the door for itself, whatever another file of it says", async () => {
    const result = await withController(says(3), "", { [`${CONTROLLER}/10-open.yaml`]: OPEN });
    expect(result.ok && result.settings.network?.vlans.management).toBe(100);
    expect(complaints(result)).toHaveLength(2);
  });

  it("is opened by the operator too, and closed again by null", async () => {
    const opened = await withController(says(3), "", { [`${OPERATOR}/10-open.yaml`]: OPEN });
    expect(opened.ok && opened.settings.network?.vlans.management).toBe(3);
    const closed = await withController(says(3), OPEN, { [`${GLASS}/10-shut.yaml`]: "controller: { allow: null }\n" });
    expect(closed.ok && closed.settings.network?.vlans.management).toBe(100);
  });

  it("opens whole keys only: vlans does not open vlansomething, nor a NIC with a dot in its name", async () => {
    const nics = 'controller: { allow: ["config:network.nics.em1"] }\n';
    const result = await withController('network: { nics: { "em1.5": { fabric: C } } }\n', nics);
    expect(complaints(result)).toEqual(['warning E_CONFIG_CLOSED network.nics["em1.5"].fabric']);
  });

  it("never spoils the host's own configuration by being unreadable, misnamed or misspelt", async () => {
    for (const sent of ["a: [", "\0", "netwrok: {}\n", "- x\n"]) {
      const result = await withController(sent);
      expect(result.ok).toBe(true);
      expect(result.warnings).toHaveLength(1);
    }
    const misnamed = await load({ [`${HOST}/50-host.yaml`]: MINIMAL, [`${CONTROLLER}/sent.yaml`]: "version: 1\n" });
    expect(complaints(misnamed)).toEqual(["warning E_CONFIG_FILE_NAME"]);
  });

  it("is refused with the whole when it is open and wrong: the agent then keeps what stands", async () => {
    expect(complaints(await withController(says(4095)))).toEqual(["E_CONFIG_VALUE network.vlans.management"]);
  });
});
