import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { DockerPort } from "../../agent/containers/ports.ts";
import { containersPorts } from "../../agent/containers-loop.ts";
import { placesUnder } from "../../agent/system/places.ts";

const signal = AbortSignal.timeout(60_000);
const nothing = (): void => undefined;

interface Socket {
  readonly docker: DockerPort;
  /** What systemctl says of docker.socket and docker.service, or the commands that it runs instead. */
  readonly units: (says: readonly [string, string] | string) => Promise<void>;
  readonly connections: () => number;
  /** How often systemctl was run. */
  readonly asked: () => Promise<number>;
}

/** A host on which somebody listens on Docker's socket, as systemd does for a Docker that is stopped. */
async function listening({ booted = true } = {}): Promise<Socket> {
  const root = await mkdtemp(join(tmpdir(), "devcloud-docker-unit-"));
  await mkdir(join(root, booted ? "run/systemd/system" : "run"), { recursive: true });
  let connections = 0;
  const server = createServer((request, response) => {
    const list = request.url?.startsWith("/containers/json") === true;
    response.end(list ? "[]" : "{}");
  });
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(join(root, "run/docker.sock"));
  await once(server, "listening");
  const path = process.env.PATH ?? "";
  process.env.PATH = [root, path].join(delimiter);
  onTestFinished(async () => {
    process.env.PATH = path;
    server.closeAllConnections();
    server.close();
    await rm(root, { recursive: true });
  });
  const { docker } = containersPorts({ places: placesUnder(root), settings: () => undefined, report: nothing });
  const units: Socket["units"] = async (says) => {
    const script = typeof says === "string" ? says : `printf 'ActiveState=%s\\n\\nActiveState=%s\\n' ${says.join(" ")}`;
    await writeFile(join(root, "systemctl"), `#!/bin/sh\necho >>${root}/asked\n${script}\n`, { mode: 0o755 });
  };
  const asked = async (): Promise<number> => (await readFile(join(root, "asked"))).length;
  return { docker, units, connections: () => connections, asked };
}

const calls: Readonly<Record<string, (docker: DockerPort) => Promise<unknown>>> = {
  list: (docker) => docker.list(signal),
  events: (docker) => docker.events(nothing, nothing, signal),
  inspect: (docker) => docker.inspect("a", signal),
  logs: (docker) => docker.logs("a", 1, signal),
  start: (docker) => docker.act("a", "start", 10_000, signal),
};

test.each(Object.keys(calls))("a Docker that is stopped is not woken by a connection: %s", async (name) => {
  const { docker, units, connections } = await listening();
  const call = calls[name] ?? nothing;
  for (const state of ["inactive", "deactivating", "activating", "failed"]) {
    await units(["active", state]);
    await expect(docker.list(signal)).rejects.toMatchObject({
      code: "E_DOCKER_ABSENT",
      message: `Docker does not run: docker.service is ${state}`,
    });
    await expect(call(docker)).rejects.toMatchObject({ code: "E_DOCKER_ABSENT" });
  }
  expect(connections()).toBe(0);
});

test("a Docker that systemd has started is asked at once", async () => {
  const { docker, units, connections } = await listening();
  await units(["active", "inactive"]);
  await expect(docker.list(signal)).rejects.toMatchObject({ code: "E_DOCKER_ABSENT" });
  await units(["active", "active"]);
  expect((await docker.list(signal)).names.size).toBe(0);
  expect(connections()).toBeGreaterThan(0);
});

test.each([
  ["systemd does not listen for it", "inactive"],
  ["its socket's unit has failed", "failed"],
])("a Docker that nobody wakes is asked whatever its unit is: %s", async (_why, socket) => {
  const { docker, units, connections } = await listening();
  await units([socket, "inactive"]);
  await docker.list(signal);
  expect(connections()).toBeGreaterThan(0);
});

test("a Docker on a host without systemd is asked", async () => {
  const { docker, units, connections } = await listening({ booted: false });
  await units("exit 1");
  await docker.list(signal);
  expect(connections()).toBeGreaterThan(0);
});

test.each([
  ["fails", "echo no bus >&2; exit 1"],
  ["says nothing", "exit 0"],
  ["says half", "echo ActiveState=active"],
])("where systemd does not tell whether Docker runs, it is not connected to: systemctl %s", async (_how, script) => {
  const { docker, units, connections } = await listening();
  await units(script);
  await expect(docker.list(signal)).rejects.toMatchObject({
    code: "E_DOCKER_UNREACHABLE",
    message: expect.stringMatching(/^Docker is not asked: systemd does not say/) as unknown,
  });
  expect(connections()).toBe(0);
});

test("hundreds of questions about single containers ask systemd a few times", async () => {
  const { docker, units, asked } = await listening();
  await units(["active", "active"]);
  await docker.list(signal);
  await Promise.all(Array.from({ length: 300 }, () => docker.logs("a", 1, signal)));
  expect(await asked()).toBeLessThan(30);
});
