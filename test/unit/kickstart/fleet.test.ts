import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readFleet } from "../../../kickstart/fleet.ts";

const folder = fileURLToPath(new URL("../../cases/fleet-bad/", import.meta.url));
const example = new URL("../../../packaging/usr/share/doc/devcloud-agent/fleet.yaml", import.meta.url);

describe("a fleet that must be refused", () => {
  const cases = readdirSync(folder).toSorted();

  it("has more cases than the ten that were promised", () => {
    expect(cases.length).toBeGreaterThan(30);
  });

  it.each(cases)("%s is refused for all of its reasons, each at its place and with a hint", (name) => {
    const expected: unknown = JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8"));
    const result = readFleet("fleet.yaml", readFileSync(join(folder, name, "fleet.yaml"), "utf8"));
    const problems = result.ok ? [] : result.problems;
    expect(problems).not.toEqual([]);
    expect(problems.map(({ code, line, column }) => ({ code, line, column }))).toEqual(expected);
    for (const { file, hint } of problems) {
      expect(file).toBe("fleet.yaml");
      expect(typeof hint).toBe("string");
      expect(hint).toMatch(/\w{3}/);
    }
  });
});

describe("what looks like a placeholder", () => {
  const base = readFileSync(join(folder, "35-partition-as-disk/fleet.yaml"), "utf8").replace("-part1", "");
  const read = (environment: string) =>
    readFleet(
      "f",
      base.replace("config:\n", `config:\n  containers: { manifest: { cron: { environment: ${environment} } } }\n`),
    );

  it("is refused with its path where the installer or a script would use it", () => {
    const result = readFleet("f", base.replace("admin@example.net", "a__ADMIN__"));
    expect(result.ok ? [] : result.problems).toMatchObject([
      {
        code: "E_FLEET_PLACEHOLDER",
        path: "install.ssh_keys[0]",
        line: 5,
        message: "__ADMIN__ looks like a placeholder that was not filled in",
      },
    ]);
  });

  it.each(["{{ .State.Health }}", "@@PASS@@", "<TODO>", "{% if x %}", "CHANGEME"])(
    "is a warning with its path where the agent alone reads it: %s, which may be a secret and is not repeated",
    (text) => {
      const result = read(JSON.stringify({ A: text }));
      expect(result.ok ? [] : result.problems).toEqual([]);
      expect(result.warnings).toMatchObject([
        { code: "E_FLEET_PLACEHOLDER", path: "containers.manifest.cron.environment.A", line: 7 },
      ]);
      expect(JSON.stringify(result.warnings)).not.toContain(text);
    },
  );
});

describe("what a machine is set to", () => {
  const base = readFileSync(join(folder, "35-partition-as-disk/fleet.yaml"), "utf8").replace("-part1", "");
  it.each([
    ["timezone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Argentina/Buenos_Aires", "Etc/GMT+1"]],
    ["lang", ["en_US.UTF-8", "de_CH.UTF-8", "nb_NO.UTF-8", "pt_BR.UTF-8"]],
    ["keyboard", ["us", "gb", "de", "latam", "jp"]],
  ])("takes every %s that exists", (key, values) => {
    for (const value of values) {
      const result = readFleet("f", base.replace("release: el10", `release: el10\n  ${key}: ${value}`));
      expect(result.ok ? [] : result.problems, value).toEqual([]);
    }
  });
});

describe("the example of a fleet", () => {
  const text = readFileSync(example, "utf8");

  it("is valid, without a warning", () => {
    const result = readFleet("fleet.yaml", text);
    expect(result.ok ? result.warnings : result.problems).toEqual([]);
  });

  it("lays each host's own over what all share", () => {
    const result = readFleet("fleet.yaml", text);
    const hosts = result.ok ? result.hosts : [];
    expect(hosts.map(({ name, install }) => [name, install.nic, install.disk.at(-1), install.release])).toEqual([
      ["cmp07.dc1.example.net", undefined, "7", "el10"],
      ["cmp08.dc1.example.net", "em2", "8", "el10"],
    ]);
    expect(hosts.map(({ settings }) => settings.host.name)).toEqual(hosts.map(({ name }) => name));
    expect(hosts.map(({ settings }) => settings.network.addresses.mgmt0?.ipv4)).toEqual([
      ["10.1.0.17/24"],
      ["10.1.0.18/24"],
    ]);
    expect(new Set(hosts.map(({ settings }) => settings.network.bond.mtu))).toEqual(new Set([9000]));
  });

  it("tells what all hosts share wrong once, and what one of them does with its name", () => {
    const shared = readFleet("f", text.replace("management: 100", "management: 4095"));
    expect(shared.ok ? [] : shared.problems.map(({ message }) => message)).toEqual([
      "the number 4095 does not fit here",
    ]);
    const one = readFleet("f", text.replace("10.1.0.18/24", "10.7.0.18/24"));
    expect(one.ok ? [] : one.problems.map(({ message }) => message)).toEqual([
      "the gateway 10.1.0.1 lies outside the nets of this address (cmp08.dc1.example.net)",
    ]);
  });
});
