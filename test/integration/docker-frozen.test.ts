import { once } from "node:events";
import { readdir, readlink } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { DockerPort } from "../../agent/containers/ports.ts";
import { openDocker } from "../../agent/system/docker.ts";
import { runKolla } from "../lab/kolla.ts";
import { createLab, type Lab } from "../lab/lab.ts";

const TIMES = 5;
const CALL_MS = 200;
const signal = AbortSignal.timeout(300_000);

/** Sockets that this process has open. */
async function sockets(): Promise<number> {
  const names = await readdir("/proc/self/fd");
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return targets.filter((target) => target.startsWith("socket:")).length;
}

/** Docker's socket, with somebody on the line who sees what is asked before Docker does. */
async function listenIn(upstream: string, path: string, heard: (asked: string) => void): Promise<Server> {
  const server = createServer((client) => {
    const docker = createConnection(upstream);
    client.on("data", (chunk: Buffer) => {
      heard(chunk.toString("latin1"));
      docker.write(chunk);
    });
    docker.pipe(client);
    client.on("close", () => docker.destroy()).on("error", () => docker.destroy());
    docker.on("close", () => client.destroy()).on("error", () => client.destroy());
  });
  server.listen(path);
  await once(server, "listening");
  return server;
}

describe("a dockerd that is frozen (SIGSTOP)", () => {
  let lab: Lab;
  let id: string;
  beforeAll(async () => {
    lab = await createLab({ say: () => undefined });
    await lab.host.startDocker();
    id = await runKolla(lab.host, "cron");
  });
  afterAll(async () => lab.down());

  function freeze(): void {
    lab.host.docker.pause();
    onTestFinished(() => lab.host.docker.resume());
  }

  const nothing = (): void => undefined;
  const calls: Readonly<Record<string, (docker: DockerPort, within: AbortSignal, ms: number) => Promise<unknown>>> = {
    list: (docker, within) => docker.list(within),
    inspect: (docker, within) => docker.inspect(id, within),
    logs: (docker, within) => docker.logs(id, 10, within),
    events: (docker, within) => docker.events(nothing, nothing, within),
    start: (docker, within, ms) => docker.act(id, "start", ms, within),
    restart: (docker, within, ms) => docker.act(id, "restart", ms, within),
  };

  test.each(Object.keys(calls))("keeps no connection of a call that was given up: %s", async (name) => {
    let callMs = CALL_MS;
    const docker = openDocker(
      lab.host.docker.socket,
      () => callMs,
      async () => undefined,
    );
    const call = calls[name] ?? (() => Promise.resolve());
    freeze();
    const before = await sockets();
    for (let time = 0; time < TIMES; time += 1) {
      await expect(call(docker, signal, callMs)).rejects.toMatchObject({ problem: { code: "E_DOCKER_TIMEOUT" } });
    }
    await expect.poll(sockets).toBe(before);
    // Given up by the caller, in the middle.
    callMs = 60_000;
    for (let time = 0; time < TIMES; time += 1) {
      const stop = new AbortController();
      const asked = call(docker, stop.signal, callMs);
      await expect.poll(sockets, { interval: 5 }).toBe(before + 1);
      stop.abort(new Error("enough"));
      await expect(asked).rejects.toThrow("enough");
    }
    await expect.poll(sockets).toBe(before);
  });

  test("between the two questions of a list keeps no connection either", async () => {
    const path = join(lab.folder, "overheard.sock");
    const asked: string[] = [];
    const server = await listenIn(lab.host.docker.socket, path, (text) => {
      asked.push(text.split("\r\n", 1)[0] ?? "");
      if (text.startsWith("GET /info")) lab.host.docker.pause();
    });
    onTestFinished(() => {
      lab.host.docker.resume();
      server.close();
    });
    const docker = openDocker(
      path,
      () => CALL_MS,
      async () => undefined,
    );
    const open = (): Promise<number> =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      );
    for (let time = 0; time < TIMES; time += 1) {
      lab.host.docker.resume();
      await expect(docker.list(signal)).rejects.toMatchObject({ problem: { code: "E_DOCKER_TIMEOUT" } });
      expect(asked.at(-1)).toBe("GET /info HTTP/1.1");
      await expect.poll(open).toBe(0);
    }
  });
});
