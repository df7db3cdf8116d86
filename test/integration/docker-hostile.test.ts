import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { observe } from "../../agent/containers/observe.ts";
import type { DockerPort } from "../../agent/containers/ports.ts";
import { openDocker } from "../../agent/system/docker.ts";

const signal = AbortSignal.timeout(120_000);
const MIB = 1024 * 1024;
const nothing = (): void => undefined;

type Answer = (path: string, response: ServerResponse) => void;

/** Somebody on Docker's socket who answers as a test likes. */
async function somebody(answer: Answer): Promise<DockerPort> {
  const folder = await mkdtemp(join(tmpdir(), "devcloud-docker-"));
  const path = join(folder, "docker.sock");
  const server = createServer((request, response) => answer((request.url ?? "").split("?", 1)[0] ?? "", response));
  server.listen(path);
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  return openDocker(
    path,
    () => 60_000,
    async () => undefined,
  );
}

const json = (response: ServerResponse, value: unknown): void => void response.end(JSON.stringify(value));

/** Writes until nobody listens any more. Returns how much that was. */
function endless(response: ServerResponse, head: string): () => number {
  const chunk = Buffer.alloc(MIB, " ");
  let written = 0;
  const more = (): void => {
    while (!response.destroyed) {
      written += MIB;
      if (!response.write(chunk)) return;
    }
  };
  response.on("drain", more);
  response.write(head);
  more();
  return () => written;
}

function inspected(id: string, more: object = {}): object {
  return {
    Id: id,
    Name: `/name-${id}`,
    RestartCount: 0,
    State: { Status: "running", Pid: 0, ExitCode: 0, StartedAt: "2026-01-01T00:00:00Z", FinishedAt: "" },
    Config: { Image: "image", Labels: null, Env: null },
    HostConfig: {},
    Mounts: [],
    ...more,
  };
}

const rest = {
  units: { observe: async () => new Map(), restart: async () => undefined },
  files: { config: async () => "unreadable" as const, freeMib: async () => 1, guests: async () => "none" as const },
};
const lookAt = (docker: DockerPort) => observe({ docker, ...rest }, signal, nothing);

describe("an answer on Docker's socket", () => {
  const calls: readonly [string, number, number, (docker: DockerPort) => Promise<unknown>][] = [
    ["the list", 200, 64, (docker) => docker.list(signal)],
    ["one container", 200, 4, (docker) => docker.inspect("a", signal)],
    ["its output", 200, 4, (docker) => docker.logs("a", 50, signal)],
    ["a restart", 200, 4, (docker) => docker.act("a", "restart", 60_000, signal)],
    ["a refusal", 500, 1, (docker) => docker.list(signal)],
    ["a refusal of the events", 500, 1, (docker) => docker.events(nothing, nothing, signal)],
  ];
  test.each(calls)("without an end is given up when it is too large: %s", async (_what, status, limit, call) => {
    let written = (): number => 0;
    const docker = await somebody((_path, response) => {
      response.statusCode = status;
      written = endless(response, "[");
    });
    await expect(call(docker)).rejects.toMatchObject({
      code: "E_DOCKER_ANSWER",
      problem: {
        message: expect.stringMatching(/^Docker's answer \(\w+\) is larger than \d+ (MiB|bytes)$/) as unknown,
      },
    });
    // What lies in buffers between us and it comes on top.
    expect(written()).toBeLessThan((limit + 8) * MIB);
  });

  test("that lists nonsense among containers hides none of them, and is told", async () => {
    const docker = await somebody((path, response) => {
      if (path === "/containers/json")
        json(response, [null, { Id: "a", Names: ["/one"] }, 7, { Id: "" }, { Id: "b", Names: null }, { Id: [] }]);
      else if (path === "/info") json(response, null);
      else json(response, inspected(path.split("/")[2] ?? ""));
    });
    const { containers, problems, silent } = await lookAt(docker);
    expect(containers.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(silent.size).toBe(0);
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ["E_DOCKER_ANSWER", "Docker's answer (list) has entries that name no container: 4"],
    ]);
  });

  test("about one container of another form hides no other, and says what is wrong", async () => {
    const answers: Readonly<Record<string, unknown>> = {
      good: inspected("good"),
      nothing: null,
      state: inspected("state", { State: { Status: 5 } }),
    };
    const docker = await somebody((path, response) => {
      const id = path.split("/")[2] ?? "";
      if (path === "/containers/json")
        json(
          response,
          Object.keys(answers).map((Id) => ({ Id, Names: [`/${Id}`] })),
        );
      else if (path === "/info") json(response, { DockerRootDir: "/d" });
      else json(response, answers[id]);
    });
    const { containers, problems, silent } = await lookAt(docker);
    expect(containers.map(({ id }) => id)).toEqual(["good"]);
    expect([...silent].sort()).toEqual(["nothing", "state"]);
    expect(problems.map(({ message }) => message).sort()).toEqual([
      expect.stringContaining("container nothing: Docker's answer (inspect) is not as it should be: container: "),
      expect.stringContaining("container state: Docker's answer (inspect) is not as it should be: State.Status: "),
    ]);
  });

  test.each([
    ["an object", "{}", "is no list"],
    ["words", "sorry", "is not JSON"],
    ["nothing", "", "is empty"],
  ])("that should be a list and is %s is told as that", async (_what, text, why) => {
    const docker = await somebody((_path, response) => void response.end(text));
    await expect(docker.list(signal)).rejects.toMatchObject({
      code: "E_DOCKER_ANSWER",
      message: `Docker's answer (list) ${why}`,
    });
  });

  test("with hundreds of containers is followed by eight questions at a time", async () => {
    const ids = Array.from({ length: 500 }, (_, index) => `c${index}`);
    const docker = await somebody((path, response) => {
      if (path === "/containers/json")
        json(
          response,
          ids.map((Id) => ({ Id, Names: [`/${Id}`] })),
        );
      else json(response, path === "/info" ? {} : inspected(path.split("/")[2] ?? ""));
    });
    let open = 0;
    let most = 0;
    const inspect: DockerPort["inspect"] = async (id, within) => {
      open += 1;
      most = Math.max(most, open);
      return docker.inspect(id, within).finally(() => {
        open -= 1;
      });
    };
    const { containers } = await lookAt({ ...docker, inspect });
    expect(containers).toHaveLength(ids.length);
    expect(most).toBe(8);
  });
});
