import { expect, test } from "vitest";
import { AgentError, problemOf } from "../../../agent/core/errors.ts";
import { highestRisk } from "../../../agent/core/step.ts";

test("what is no AgentError is a bug, and says so", () => {
  expect(problemOf(new AgentError({ code: "E_X_Y", message: "m", hint: "h" }))).toEqual({
    code: "E_X_Y",
    message: "m",
    hint: "h",
  });
  expect(problemOf(new TypeError("undefined is not a function"))).toMatchObject({ code: "E_INTERNAL" });
  expect(problemOf("text")).toMatchObject({ code: "E_INTERNAL", message: "text" });
});

test("the risk of a plan is that of its worst step", () => {
  expect(highestRisk([])).toBe("none");
  expect(highestRisk([{ risk: "none" }, { risk: "blip" }])).toBe("blip");
  expect(highestRisk([{ risk: "blip" }, { risk: "management-path" }, { risk: "none" }])).toBe("management-path");
});
