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
      expect(hint).toMatch(/\w{3}/);
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
