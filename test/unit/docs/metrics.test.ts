import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { METRICS_PAGE, metricsPage } from "../../../packaging/metrics-page.ts";

it("docs/metrics.md is up to date (if not: node packaging/metrics-page.ts)", async () => {
  expect(readFileSync(METRICS_PAGE, "utf8")).toBe(await metricsPage());
});
