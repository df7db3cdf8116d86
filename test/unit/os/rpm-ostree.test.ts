import { describe, expect, it } from "vitest";
import type { Deployments } from "../../../agent/os/deployments.ts";
import { parseRpmOstree } from "../../../agent/os/rpm-ostree.ts";
import { answers, checksums } from "./answers.ts";

const [a, b, c, d] = checksums;
const roles = ({ deployments }: Deployments) => deployments.map(({ role, checksum }) => [role, checksum]);

describe("rpm-ostree status --json", () => {
  it("of 2017, which knows nothing of staging, is read", () => {
    const found = parseRpmOstree(answers["2017"]);
    expect(roles(found)).toEqual([
      ["booted", b],
      ["rollback", a],
    ]);
    expect(found.deployments[0]).toEqual({
      role: "booted",
      stateroot: "centos-atomic-host",
      checksum: b,
      version: "7.1707",
      committedAt: "2017-06-20T23:06:40.000Z",
      origin: "centos-atomic-host:centos-atomic-host/7/x86_64/standard",
      pinned: false,
      locked: false,
    });
    expect(found).not.toHaveProperty("transaction");
  });

  it("of today says what is staged and locked, what is kept and pinned, and what runs", () => {
    const found = parseRpmOstree(answers.today);
    expect(roles(found)).toEqual([
      ["staged", c],
      ["booted", b],
      ["rollback", a],
      ["kept", d],
    ]);
    expect(found.deployments.map(({ locked, pinned }) => [locked, pinned])).toEqual([
      [true, false],
      [false, false],
      [false, false],
      [false, true],
    ]);
    expect(found.transaction).toBe("upgrade");
  });

  it("of a container's host keeps reference and digest, and nothing of the 200 kB manifest", () => {
    expect(answers.container.length).toBeGreaterThan(200_000);
    const found = parseRpmOstree(answers.container);
    expect(found.deployments).toEqual([
      expect.objectContaining({
        role: "booted",
        origin: "ostree-image-signed:docker://registry.example.net/devcloud/host:10",
        imageDigest: `sha256:${c}`,
      }),
    ]);
    expect(JSON.stringify(found).length).toBeLessThan(1_000);
  });

  it("calls what comes before the booted one pending", () => {
    expect(roles(parseRpmOstree(answers.fallback))).toEqual([
      ["pending", c],
      ["booted", b],
    ]);
  });

  it("names no rollback where nothing is booted", () => {
    expect(roles(parseRpmOstree(answers.nothingBooted))).toEqual([
      ["kept", b],
      ["kept", a],
    ]);
    expect(parseRpmOstree(answers.none).deployments).toEqual([]);
  });

  it("takes the rollback from the booted one's own state root", () => {
    expect(roles(parseRpmOstree(answers.twoStateroots))).toEqual([
      ["booted", b],
      ["kept", d],
      ["rollback", a],
    ]);
  });

  const today: string = answers.today;
  it.each([
    ["nothing", ""],
    ["words", "error: Could not connect to the bus\n"],
    ["an answer that was cut short", today.slice(0, today.length / 2)],
    ["a list", "[]"],
    ["null", "null"],
    ["no deployments", "{}"],
    ["deployments that are a word", '{"deployments":"none"}'],
    ["a deployment that is a number", '{"deployments":[7]}'],
    ["a deployment without a checksum", '{"deployments":[{"osname":"x","booted":true}]}'],
    ["a checksum that is a number", '{"deployments":[{"osname":"x","checksum":7}]}'],
  ])("is refused with E_OS_STATUS when it is %s", (_what, text) => {
    expect(() => parseRpmOstree(text)).toThrow(expect.objectContaining({ code: "E_OS_STATUS" }));
  });

  it("is read even where single fields are of another kind than promised", () => {
    const odd = {
      osname: "x",
      checksum: a,
      version: 7,
      timestamp: "yesterday",
      origin: null,
      staged: "yes",
      booted: true,
    };
    expect(parseRpmOstree(JSON.stringify({ deployments: [odd], transaction: "upgrade" }))).toEqual({
      source: "rpm-ostree",
      deployments: [{ role: "booted", stateroot: "x", checksum: a, pinned: false, locked: false }],
    });
  });
});
