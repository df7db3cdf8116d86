import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { API_PAGE, apiPage } from "../../../packaging/ovs-api.ts";

it("ovs/docs/api.md is what packaging/ovs-api.ts writes from the sources", async () => {
  expect(await readFile(API_PAGE, "utf8")).toBe(apiPage());
});
