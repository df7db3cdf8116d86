import { join } from "node:path";
import { expect, it } from "vitest";
import type { ContainerSource } from "../../../collectors/containers/containers.ts";
import type { OvsSource } from "../../../collectors/ovs/ovs.ts";
import { fixtures, scrapeFixture } from "./scrapes.ts";

const ovs: OvsSource = {
  observe: async () => ({
    version: "3.1.0",
    bridges: [
      {
        name: "br-uplink",
        ports: [
          { name: "mgmt0", interfaces: [{ name: "mgmt0", type: "internal", link: "up" }] },
          {
            name: "bond0",
            bond: { active: "em2" },
            interfaces: [
              { name: "em1", type: "", link: "down" },
              { name: "em2", type: "", link: "up" },
            ],
          },
          { name: "tap9", interfaces: [{ name: "tap9", type: "", error: "could not open network device tap9" }] },
        ],
      },
    ],
  }),
};

const id = "0123456789abcdef".repeat(4);
const containers: ContainerSource = {
  processes: () => new Map([[id, 4242]]),
  containers: async () => [
    {
      id,
      name: "nova_compute",
      image: "kolla/nova-compute:2025.1",
      state: "running",
      health: "healthy",
      startedAt: 1_795_000_000_500,
      seenAt: 1_795_338_043_999,
      restarts: 2,
      verdict: "ok",
      reason: "running",
    },
    {
      id: id.replaceAll("0", "f"),
      name: "cron",
      image: "kolla/cron:2025.1",
      state: "exited",
      seenAt: 1_795_338_043_999,
      restarts: 0,
      verdict: "restart",
      reason: "owner-gave-up",
    },
  ],
};

const os = {
  deployments: () => [
    { role: "booted", checksum: "aa11", version: "41.20261101" },
    { role: "rollback", checksum: "bb22" },
  ],
};

it("exposes the fixture host as the golden scrape says (if it is right: vitest -u)", async () => {
  await expect(await scrapeFixture({}, { containers, os, ovs })).toMatchFileSnapshot(join(fixtures, "host.prom"));
});
