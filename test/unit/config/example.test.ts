import { readFileSync } from "node:fs";
import type * as v from "valibot";
import { describe, expect, it } from "vitest";
import { configSchema } from "../../../agent/config/schema.ts";
import { shapeOf } from "../../../agent/config/shape.ts";
import { parse } from "./helpers.ts";

const EXAMPLE = new URL("../../../packaging/usr/share/doc/devcloud-agent/host.yaml", import.meta.url);
const CONTRACT = new URL("../../cases/config-good/contract.yaml", import.meta.url);

describe("the commented example", () => {
  const example = readFileSync(EXAMPLE, "utf8");
  const result = parse(example);

  it("is valid and gives no warning", () => {
    expect(result).toMatchObject({ ok: true, warnings: [] });
  });

  it("mentions every setting that there is, in its text or its comments", () => {
    const missing = keysOf(configSchema).filter((key) => !new RegExp(`\\b${key}\\b`).test(example));
    expect(missing).toEqual([]);
  });

  it("says the same network as the contract's example", () => {
    const contract = parse(readFileSync(CONTRACT, "utf8"));
    expect(contract.ok && result.ok && contract.networkHash === result.networkHash).toBe(true);
  });

  it("becomes settings in milliseconds and one spelling", () => {
    expect(result.ok && result.settings).toMatchObject({
      version: 1,
      host: { name: "cmp07.dc1.example.net", dns: ["10.1.0.2", "10.1.0.3"] },
      network: {
        mode: "enforce",
        nics: { em1: { mac: "24:6e:96:aa:00:01", fabric: "A" }, em2: { pci: "0000:3b:00.1", fabric: "B" } },
        bond: { updelayMs: 30_000, downdelayMs: 0, mtu: 9000 },
        neutron: { systemId: "keep" },
        probes: [{ kind: "gateway" }, { kind: "tcp", host: "10.1.0.5", port: 22 }],
        confirm: { deadlineMs: 120_000, by: "probes", good: 3 },
      },
      dockerGate: { holdMs: 600_000, then: "start" },
      controller: { tls: { ca: "/etc/devcloud-agent/ca.pem" }, allow: [] },
      maintenance: {},
    });
  });
});

function keysOf(schema: v.GenericSchema): string[] {
  const shape = shapeOf(schema);
  if (shape.kind === "record") return keysOf(shape.value);
  if (shape.kind === "list") return keysOf(shape.item);
  if (shape.kind !== "map") return [];
  return [...shape.entries].flatMap(([key, entry]) => [key, ...keysOf(entry.schema)]);
}
