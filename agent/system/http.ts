import { chmod, chown, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { AgentError, problemOf } from "../core/errors.ts";
import { fileError, makeFolder } from "./files.ts";
import { send } from "./send.ts";

/** Answers one request with a JSON value, or with a stream of them, one a line, that ends when `signal` is aborted. */
export type Route = (body: unknown, signal: AbortSignal) => Promise<unknown> | AsyncIterable<unknown>;

export interface UnixOptions {
  /** Like /etc/group. */
  readonly groupFile: string;
  /** A client that takes nothing of a stream for so long is dropped, in milliseconds. */
  readonly clientTimeoutMs: () => number;
}

export interface UnixServer {
  close(): void;
}

const MAX_BODY = 64 * 1024;
const GROUP = "devcloud-agent";

/**
 * Serves `routes` ("GET /v1/status") on a unix socket that root and the group devcloud-agent may use. Replaces a socket that an
 * earlier process left. Throws E_CONTROL_BUSY where a process still serves it, and E_FILE_ACCESS or E_FILE_IO where it cannot be made.
 */
export async function serveUnix(
  path: string,
  routes: Readonly<Record<string, Route>>,
  { groupFile, clientTimeoutMs }: UnixOptions,
): Promise<UnixServer> {
  if (await listens(path)) {
    throw new AgentError({
      code: "E_CONTROL_BUSY",
      message: `another devcloud-agent serves ${path}`,
      hint: "Never run two daemons on one host. systemctl status devcloud-agent",
    });
  }
  const server = createServer((incoming, outgoing) => {
    answer(routes, incoming, outgoing, clientTimeoutMs).catch((error: unknown) => {
      if (outgoing.headersSent) outgoing.destroy();
      else sendJson(outgoing, error instanceof AgentError ? 409 : 500, { error: problemOf(error) });
    });
  });
  try {
    await makeFolder(dirname(path));
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    await chmod(path, 0o660);
    const gid = await groupId(groupFile);
    if (gid !== undefined) await chown(path, 0, gid);
  } catch (error) {
    server.close();
    throw fileError(error, path);
  }
  return {
    close() {
      server.close();
      // Whoever follows the events would keep the process alive.
      server.closeAllConnections();
    },
  };
}

/** Whether a process accepts connections there: one that is stopped counts, its socket is its own. */
function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function answer(
  routes: Readonly<Record<string, Route>>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  clientTimeoutMs: () => number,
): Promise<void> {
  const route = routes[`${incoming.method} ${incoming.url}`];
  if (route === undefined) {
    const message = `${incoming.method} ${incoming.url} is not known`;
    return sendJson(outgoing, 404, { error: { code: "E_CONTROL_UNKNOWN", message } });
  }
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const result = route(await bodyOf(incoming), gone.signal);
  if (!(Symbol.asyncIterator in result)) return sendJson(outgoing, 200, await result);
  outgoing.writeHead(200, { "content-type": "application/x-ndjson" });
  await send(lines(result), outgoing, { signal: gone.signal, timeoutMs: clientTimeoutMs() });
}

async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

function sendJson(outgoing: ServerResponse, status: number, value: unknown): void {
  outgoing.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(value)}\n`);
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY)
      throw new AgentError({ code: "E_CONTROL_BODY", message: `the request is larger than ${MAX_BODY} bytes` });
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw new AgentError({ code: "E_CONTROL_BODY", message: "the request is not JSON" }, { cause: error });
  }
}

async function groupId(groupFile: string): Promise<number | undefined> {
  const text = await readFile(groupFile, "utf8").catch(() => "");
  const line = text.split("\n").find((entry) => entry.startsWith(`${GROUP}:`));
  return line === undefined ? undefined : Number(line.split(":")[2]);
}

/**
 * One request to the daemon. `undefined` when none listens. Throws the daemon's own error, E_CONTROL_TIMEOUT where `signal` was a
 * time-out, any other reason of it as it is, E_CONTROL_ENDED and E_CONTROL_ACCESS.
 */
export function askDaemon(
  path: string,
  method: "GET" | "POST",
  url: string,
  signal: AbortSignal,
  body?: unknown,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const failed = (error: unknown): void => reject(signal.aborted ? abortError(signal.reason) : lostError(error, path));
  const outgoing = request({ socketPath: path, method, path: url, signal }, (incoming) => {
    bodyText(incoming)
      .then((text) => {
        const value: unknown = JSON.parse(text);
        if (incoming.statusCode === 200) resolve(value);
        else reject(daemonError(value));
      })
      .catch(failed);
  });
  outgoing.once("error", (error: NodeJS.ErrnoException) => {
    if (!signal.aborted && isAbsent(error)) resolve(undefined);
    else failed(error);
  });
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** The lines of a streaming answer. Ends when the daemon does; yields nothing when none listens. */
export async function* followDaemon(path: string, url: string, signal: AbortSignal): AsyncIterable<unknown> {
  const incoming = await new Promise<IncomingMessage | undefined>((resolve, reject) => {
    const outgoing = request({ socketPath: path, path: url, signal }, resolve);
    outgoing.once("error", (error: NodeJS.ErrnoException) => {
      if (isAbsent(error)) resolve(undefined);
      else reject(signal.aborted ? error : lostError(error, path));
    });
    outgoing.end();
  });
  if (incoming === undefined) return;
  let rest = "";
  incoming.setEncoding("utf8");
  try {
    for await (const chunk of incoming as AsyncIterable<string>) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line);
    }
  } catch (error) {
    if (!signal.aborted) throw lostError(error, path);
  }
}

async function bodyText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function daemonError(value: unknown): Error {
  const problem = typeof value === "object" && value !== null && "error" in value ? value.error : undefined;
  if (typeof problem !== "object" || problem === null || !("code" in problem) || !("message" in problem)) {
    return new Error(`the daemon answered ${JSON.stringify(value)}`);
  }
  return new AgentError({ ...problem, code: String(problem.code), message: String(problem.message) });
}

function isAbsent({ code }: NodeJS.ErrnoException): boolean {
  return code === "ENOENT" || code === "ECONNREFUSED";
}

function abortError(reason: unknown): unknown {
  if (!(reason instanceof DOMException && reason.name === "TimeoutError")) return reason;
  return new AgentError({
    code: "E_CONTROL_TIMEOUT",
    message: "the agent runs and did not answer in time",
    hint: "journalctl -u devcloud-agent; systemd restarts it when its watchdog is not fed",
  });
}

/** Why a connection to the daemon came to nothing, or to no end. */
function lostError(error: unknown, path: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EACCES") {
    const hint = `Be root or in the group ${GROUP}.`;
    return new AgentError({ code: "E_CONTROL_ACCESS", message: `no access to ${path}`, hint }, { cause: error });
  }
  if (code !== "ECONNRESET" && code !== "EPIPE") return error;
  const hint = "devcloud-agent status says what became of it; journalctl -u devcloud-agent why it ended";
  const message = "the agent ended before it answered";
  return new AgentError({ code: "E_CONTROL_ENDED", message, hint }, { cause: error });
}
