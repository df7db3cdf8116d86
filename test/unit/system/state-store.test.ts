import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Problem } from "../../../agent/core/errors.ts";
import type { Pending, StateStore } from "../../../agent/network/state.ts";
import { openStateStore } from "../../../agent/system/state-store.ts";
import { configOf, emptyTarget, networkSettings } from "../../fakes/settings.ts";

const config = configOf(networkSettings());
const pending: Pending = {
  id: "1",
  config,
  confirm: config.network.confirm,
  probes: [],
  changes: [],
  preImage: emptyTarget,
  bootId: "b",
  deadline: 12.5,
  startedAt: "now",
};
const lastGood = { config, confirmedAt: "now" };

let folder: string;
let problems: Problem[];
let store: StateStore;

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "state-")), "network");
  problems = [];
  store = openStateStore(folder, { onUnreadable: (problem) => problems.push(problem), keepAside: true });
});

afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

const path = (name: string): string => join(folder, `${name}.json`);

describe("the state", () => {
  test("comes back as it was written, for root alone, in a folder that is made when it is needed", async () => {
    expect(await store.read("last-good")).toBeUndefined();
    await store.write("last-good", lastGood);
    expect(await store.read("last-good")).toEqual(lastGood);
    expect(statSync(path("last-good")).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["last-good.json"]);
    await store.remove("last-good");
    await store.remove("last-good");
    expect(await store.read("last-good")).toBeUndefined();
  });

  test("can be removed before anything was written", async () => {
    await store.remove("pending");
    expect(await store.claim("pending", "confirmed")).toBe(false);
  });

  test("is rendered as it is written", async () => {
    const ledger = { addresses: [{ device: "mgmt0", address: "10.1.0.17/24" }] };
    await store.write("ledger", ledger);
    expect(readFileSync(path("ledger"), "utf8")).toBe(store.render("ledger", ledger));
  });

  test("that is claimed by two goes to one of them", async () => {
    await store.write("pending", pending);
    const other = openStateStore(folder, { onUnreadable: () => undefined, keepAside: true });
    const claims = await Promise.all([
      store.claim("pending", "confirmed"),
      other.claim("pending", "rolling-back"),
      store.claim("pending", "confirmed"),
    ]);
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await store.read("pending")).toBeUndefined();
    const found = (await store.read("confirmed")) ?? (await store.read("rolling-back"));
    expect(found).toEqual(pending);
  });

  const whole = (): string => readFileSync(path("last-good"), "utf8");

  test.each([
    ["cut off", () => whole().slice(0, -20)],
    ["empty", () => ""],
    ["no text", () => Buffer.from([0xff, 0xfe, 0x00])],
    ["no state file", () => "[1,2]"],
    ["edited", () => whole().replace("br-uplink", "br-uplonk")],
    ["of another version", () => whole().replace('"version":1', '"version":2')],
  ])("that is %s is kept aside, told, and counts as absent", async (_what, damaged) => {
    await store.write("last-good", lastGood);
    const content = damaged();
    writeFileSync(path("last-good"), content);
    expect(await store.read("last-good")).toBeUndefined();
    expect(problems).toMatchObject([{ code: "E_STATE_UNREADABLE", file: path("last-good") }]);
    expect(readFileSync(`${path("last-good")}.unreadable`)).toEqual(Buffer.from(content));
    expect(existsSync(path("last-good"))).toBe(false);
    await store.write("last-good", lastGood);
    expect(await store.read("last-good")).toEqual(lastGood);
  });

  test("that is damaged and cannot be moved, as on a read-only disk, counts as absent all the same, and is told once", async () => {
    await store.write("last-good", lastGood);
    writeFileSync(path("last-good"), whole().slice(0, -20));
    // Nobody renames a file over a folder; a read-only disk would not keep root's tests from it.
    mkdirSync(`${path("last-good")}.unreadable`);
    for (let look = 0; look < 2; look += 1) expect(await store.read("last-good")).toBeUndefined();
    expect(problems).toMatchObject([{ code: "E_STATE_UNREADABLE", file: path("last-good") }]);
    expect(existsSync(path("last-good"))).toBe(true);
  });

  test.each(["avoid", "ledger"] as const)(
    "of the file %s, which the network can be made without, is absent and told where it cannot be read at all",
    async (name) => {
      mkdirSync(path(name), { recursive: true });
      for (let look = 0; look < 2; look += 1) expect(await store.read(name)).toBeUndefined();
      expect(problems).toMatchObject([{ code: "E_FILE_KIND", file: path(name) }]);
    },
  );

  test("of what the host holds on to is not taken for absent because it cannot be read now", async () => {
    mkdirSync(path("pending"), { recursive: true });
    await expect(store.read("pending")).rejects.toMatchObject({ code: "E_FILE_KIND" });
  });
});
