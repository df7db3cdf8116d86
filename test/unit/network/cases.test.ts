import { expect, test } from "vitest";
import { conflicts } from "../../../agent/network/conflicts.ts";
import { plan } from "../../../agent/network/plan.ts";
import { isOvsStep } from "../../../agent/network/steps.ts";
import { compile } from "../../../agent/network/transaction.ts";
import { caseNames, readCase } from "./cases.ts";

const names = caseNames();

test("there are cases", () => {
  expect(names.length).toBeGreaterThanOrEqual(20);
});

test.each(names)("the plan of %s", (name) => {
  const { target, observed, expected } = readCase(name);
  const found = { conflicts: conflicts(target, observed), steps: plan(target, observed) };
  expect(JSON.parse(JSON.stringify(found))).toEqual(expected);
});

test.each(names)("the plan of %s becomes a transaction, where nothing is in its way", (name) => {
  const { target, observed } = readCase(name);
  if (conflicts(target, observed).length > 0) return;
  const steps = plan(target, observed).filter(isOvsStep);
  expect(compile(steps, observed.ovs, "lock").isEmpty).toBe(steps.length === 0);
});
