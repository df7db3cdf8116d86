import { describe, expect, test } from "vitest";
import { renderStatus } from "../../../agent/cli/status.ts";
import type { NetworkStatus, Status } from "../../../agent/web/status.ts";

function status(network: Partial<NetworkStatus>, more: Partial<Status> = {}): Status {
  return {
    schema: "devcloud-agent/status/v1",
    version: "1.0.0",
    pid: 7,
    startedAt: 0,
    ready: "yes",
    configuration: { inForce: "written" },
    network: {
      loop: { state: "idle" },
      problems: [],
      mode: "enforce",
      revision: 3,
      confirmedAt: "2026-01-31T12:00:00.000Z",
      bond: {
        name: "bond0",
        members: [
          { nic: "em1", device: "em1", fabric: "A", link: "up", active: true },
          { nic: "em2", device: "em2", fabric: "B", link: "up", active: false },
        ],
      },
      addresses: [{ device: "mgmt0", address: "10.1.0.11/24", vlan: 100 }],
      ...network,
    },
    os: { view: { state: "unknown" }, problems: [] },
    ...more,
  };
}

describe("the status for people", () => {
  test("says what is worst first: the rung, what is broken, what somebody has to look at, and then how things are", () => {
    const uplinks = {
      gray: { state: "alive", gateway: "10.1.0.1" },
      avoided: [{ nic: "em2", why: "drained", since: 0 }],
    } as const;
    const problems = [
      { code: "E_NIC_DRAINED", message: "NIC em2 is drained" },
      { code: "E_NETWORK_RUNG", message: "the network stands on a lower rung" },
    ];
    const rung = { rung: 1, name: "single-member", nic: "em1", why: "no", since: 0 } as const;
    const maintenance = { by: "operator", until: Date.UTC(2026, 0, 31, 12), reason: "new cards" } as const;
    const os = { view: { state: "unknown" }, problems: problems.slice(0, 1) } as const;
    const text = renderStatus(status({ problems, rung, uplinks }, { maintenance, os }), false);
    expect(text.split("\n").slice(0, 9)).toEqual([
      "devcloud-agent 1.0.0, pid 7: ready",
      "rung       1 of 3: the bond stands on em1 alone",
      "! the network stands on a lower rung (E_NETWORK_RUNG)",
      "! NIC em2 is drained (E_NIC_DRAINED)",
      "maintenance until 2026-01-31T12:00:00Z: new cards",
      "network    revision 3, confirmed 2026-01-31T12:00:00.000Z, enforce",
      "  em1      fabric A, up, active",
      "  em2      fabric B, up, standby, drained",
      "  mgmt0    10.1.0.11/24 on VLAN 100",
    ]);
  });

  test("fits a screen of 24 lines, whatever is wrong, and says that there is more", () => {
    const problems = Array.from({ length: 50 }, (_, i) => ({ code: "E_X", message: `problem ${i}`, hint: "look" }));
    const others = problems.map((_, i) => ({
      object: "bridge br-uplink",
      field: "ports",
      current: `tap${i}\u001b[2J`,
      desired: null,
      owner: "foreign" as const,
    }));
    const text = renderStatus(status({ problems, others }), false);
    expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(24);
    expect(text).toContain("! and 44 more: status --json");
    expect(text).toContain("not ours   and 46 more: status --json");
    expect(text).not.toContain("\u001b");
  });
});
