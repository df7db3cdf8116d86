import { expect, test } from "vitest";
import { meant } from "../../../fault/network/look.ts";
import { paceAt } from "../../../fault/network/pace.ts";
import { start } from "../../../fault/network/wanted.ts";

const host = { index: 2, address: "10.1.0.12" };

test("the first configuration is the lab's own", () => {
  expect(meant(start, host, paceAt(20))).toEqual({
    tag: 100,
    trunks: [100, 105, 110, 120],
    patch: [110, 120],
    updelayMs: 1500,
    addresses: ["mgmt0 10.1.0.12/24"],
  });
});

test("what a round asks for is what the host should look like", () => {
  const wanted = { ...start, management: 130, trunk: [1001], patch: ["general"], updelayMs: 7, storage: true };
  expect(meant(wanted, host, paceAt(20))).toEqual({
    tag: 130,
    trunks: [105, 110, 120, 130, 1001],
    patch: [120],
    updelayMs: 1507,
    addresses: ["mgmt0 10.1.0.12/24", "storage0 10.1.5.12/24"],
  });
});
