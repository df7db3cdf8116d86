import { describe, expect, it } from "vitest";
import { parseBootc } from "../../../agent/os/bootc.ts";
import { parseOstree } from "../../../agent/os/ostree.ts";
import { checksums } from "./answers.ts";

const [a = "", b = "", c = ""] = checksums;

describe("ostree admin status", () => {
  it("is read with its star, marks and details", () => {
    const text = `  devcloud ${c}.0 (staged)
    Version: 3
    origin refspec: local:devcloud/host
* devcloud ${b}.1
    Version: 2
    origin refspec: local:devcloud/host
    Pinned: yes
    something: that a newer one says
  devcloud ${a}.0 (rollback)
    origin: <unknown origin type>
`;
    const base = { stateroot: "devcloud", locked: false };
    expect(parseOstree(text)).toEqual({
      source: "ostree",
      deployments: [
        { ...base, role: "staged", checksum: c, version: "3", origin: "local:devcloud/host", pinned: false },
        { ...base, role: "booted", checksum: b, version: "2", origin: "local:devcloud/host", pinned: true },
        { ...base, role: "rollback", checksum: a, pinned: false },
      ],
    });
  });

  it.each([
    ["(finalization locked)", "staged", true],
    ["(finalization locked) (soft-reboot)", "staged", true],
    ["(staged) (soft-reboot)", "staged", false],
    ["(pending)", "pending", false],
    ["(pending) (soft-reboot)", "pending", false],
    ["(something new)", "pending", false],
  ])("with %s before the booted one has it as %s, locked: %s", (marks, role, locked) => {
    const text = `  devcloud ${c}.0 ${marks}\n* devcloud ${b}.1\n  devcloud ${a}.0 (rollback)\n`;
    expect(parseOstree(text).deployments.map((each) => [each.role, each.locked])).toEqual([
      [role, locked],
      ["booted", false],
      ["rollback", false],
    ]);
  });

  it("without deployments is an empty list", () => {
    expect(parseOstree("No deployments.\n").deployments).toEqual([]);
  });

  it.each(["what is this\n", "* devcloud abc.0\n", `* devcloud ${b.slice(1)}.0\n`])(
    "is refused when it is %j",
    (text) => {
      expect(() => parseOstree(text)).toThrow(expect.objectContaining({ code: "E_OS_STATUS" }));
    },
  );
});

describe("bootc status", () => {
  const slot = (version: string, checksum: string) => ({
    image: {
      image: { image: "registry.example.net/devcloud/host:10", transport: "registry" },
      version,
      timestamp: "2026-11-01T00:00:00Z",
      imageDigest: `sha256:${c}`,
    },
    pinned: false,
    ostree: { checksum, deploySerial: 0, stateroot: "default" },
  });
  const text = (status: object) => JSON.stringify({ apiVersion: "org.containers.bootc/v1", kind: "BootcHost", status });

  it("is read slot by slot", () => {
    const status = { staged: slot("3", c), booted: slot("2", b), rollback: slot("1", a), rollbackQueued: false };
    expect(parseBootc(text(status)).deployments.map(({ role, version }) => [role, version])).toEqual([
      ["staged", "3"],
      ["booted", "2"],
      ["rollback", "1"],
    ]);
  });

  it("with a queued rollback says that the next boot takes it", () => {
    const status = { staged: null, booted: slot("2", b), rollback: slot("1", a), rollbackQueued: true };
    expect(parseBootc(text(status)).deployments.map(({ role, version }) => [role, version])).toEqual([
      ["pending", "1"],
      ["booted", "2"],
    ]);
  });

  it("on a host that bootc did not install has nothing", () => {
    expect(parseBootc(text({ staged: null, booted: null, rollback: null })).deployments).toEqual([]);
    expect(() => parseBootc("{}")).toThrow(expect.objectContaining({ code: "E_OS_STATUS" }));
  });
});
