import { describe, expect, it } from "vitest";
import { command, runOn } from "./broken.ts";
import { knipBase, knipViolations } from "./violations/knip.ts";

describe("unused", () => {
  const argv = command("unused", "knip");

  it.each(Object.entries(knipViolations))("fails on waste of the kind %s", async (kind, { files, names }) => {
    const { code, output } = await runOn({ ...knipBase, ...files }, [...argv, `--include=${kind}`]);
    expect(output).toContain(names);
    expect(code).not.toBe(0);
  });

  it("passes files that need one another", async () => {
    const { code, output } = await runOn(knipBase, [...argv, "--include=files,exports,types,unlisted,unresolved"]);
    expect(output).toBe("");
    expect(code).toBe(0);
  });
});
