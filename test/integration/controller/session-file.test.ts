import { mkdtempDisposable, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ControllerEvent } from "../../../agent/controller/ports.ts";
import type { Session } from "../../../agent/controller/state.ts";
import { openStateFile } from "../../../agent/system/state-store.ts";
import { Fleet, type FleetHost } from "../../controller/fleet.ts";
import { OpampServer } from "../../controller/server.ts";
import { Subject } from "./subject.ts";

let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;
let opamp: OpampServer;
let agent: Subject | undefined;
const fleet = new Fleet();

beforeEach(async () => {
  folder = await mkdtempDisposable(join(tmpdir(), "devcloud-session-"));
  fleet.hosts.clear();
  opamp = await OpampServer.start(fleet, { host: "127.0.0.1", port: 0 });
});

afterEach(async () => {
  await agent?.stop();
  await opamp.close();
  await folder.remove();
});

function attach(): { readonly agent: Subject; readonly file: ReturnType<typeof openStateFile<Session>> } {
  const file = openStateFile<Session>(join(folder.path, "opamp/session.json"), () => undefined);
  agent = new Subject([`ws://127.0.0.1:${opamp.port}/v1/opamp`], {}, undefined, {}, file);
  return { agent, file };
}

async function reported(): Promise<FleetHost> {
  for (;;) {
    const host = [...fleet.hosts.values()].find(({ health }) => health !== undefined);
    if (host !== undefined) return host;
    await new Promise<void>((resolve) => fleet.once("change", resolve));
  }
}

const hex = ({ uid }: FleetHost): string => Buffer.from(uid, "base64").toString("hex");
const complaint = (event: ControllerEvent): event is Extract<ControllerEvent, { step: "complaint" }> =>
  event.step === "complaint";

it("a host whose session cannot be written is in the fleet all the same, says so, and writes it when it can", async () => {
  await symlink("nowhere/at/all", join(folder.path, "opamp"));
  const { agent, file } = attach();
  expect((await agent.event(complaint)).problem.code).toMatch(/^E_FILE_/);
  const host = await reported();
  expect(host).toMatchObject({ connected: true, attributes: { "service.instance.id": hex(host) } });
  await unlink(join(folder.path, "opamp"));
  await vi.waitFor(async () => expect((await file.read())?.uid).toBe(hex(host)), 10_000);
  expect(fleet.hosts.size).toBe(1);
});

it("a host whose session cannot be read says so, comes as soon as it can, and as the one that it was", async () => {
  const uid = "0192d0c4000070008000000000000001";
  await openStateFile<Session>(join(folder.path, "was/session.json"), () => undefined).write({
    uid,
    sequence: 7,
    failed: [],
  });
  await writeFile(join(folder.path, "no-folder"), "");
  await symlink("no-folder", join(folder.path, "opamp"));
  const { agent } = attach();
  expect((await agent.event(complaint)).problem.code).toMatch(/^E_FILE_/);
  expect(agent.controller.status).toBeUndefined();
  await symlink("was", join(folder.path, "mended"));
  await rename(join(folder.path, "mended"), join(folder.path, "opamp"));
  expect(hex(await reported())).toBe(uid);
  expect(agent.events.filter(complaint)).toHaveLength(1);
});
