import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { run } from "../../lab/command.ts";
import { TestOvs } from "./server.ts";

const library = join(import.meta.dirname, "../../../ovs");
let ovs: TestOvs;

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
  await ovs.startVswitchd();
});

afterEach(() => ovs.dispose());

it("the example of the README does what the README says", async () => {
  const readme = await readFile(join(library, "README.md"), "utf8");
  const [, example = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  expect(example).toContain('from "node-ovsdb"');
  const file = join(ovs.folder, "example.ts");
  await writeFile(file, example.replace('"node-ovsdb"', JSON.stringify(join(library, "src/index.ts"))));
  const done = await run([process.execPath, file, ovs.socket]);
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(done.stdout).toContain("Bridge inserted\n");
  expect(done.stdout).toContain("\nport 65534\n");
  expect(done.stdout).toContain("Bridge deleted\n");
});
