import { IncomingMessage } from "node:http";
import { addAbortSignal } from "node:stream";
import type Dockerode from "dockerode";
import { AgentError } from "../core/errors.ts";

const MIB = 1024 * 1024;
const MAX_REFUSAL = 64 * 1024;
/** Also a refusal comes as a stream: the package would read it to its end, however far that is. */
const anyStatus = Object.fromEntries(Array.from({ length: 600 }, (_, status) => [status, true]));

export interface Question {
  /** For messages. */
  readonly what: string;
  readonly method: "GET" | "POST";
  readonly path: string;
}

/** A refusal of Docker's: any status but 2xx. */
export class Refusal extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, text: string) {
    super(`(HTTP code ${statusCode}) ${text}`);
    this.statusCode = statusCode;
  }
}

/** The answer to a question, as long as `limit` bytes allow. Throws Refusal, E_DOCKER_ANSWER, and what the connection throws. */
export async function ask(docker: Dockerode, question: Question, limit: number, signal: AbortSignal): Promise<Buffer> {
  const answer = await open(docker, question, signal);
  addAbortSignal(signal, answer);
  return await textOf(answer, question.what, limit);
}

/** The stream of an answer. `signal` counts until it is there. */
export async function open(docker: Dockerode, question: Question, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, path, what } = question;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    // The package takes the last character of a path that asks something.
    const options = { method, path: `${path}?`, isStream: true, statusCodes: anyStatus, abortSignal: signal };
    docker.modem.dial(options, (error, result) => {
      if (result instanceof IncomingMessage) resolve(result);
      else reject(error ?? new Error("there is no answer"));
    });
  });
  const { statusCode = 0 } = answer;
  if (statusCode >= 200 && statusCode < 300) return answer;
  addAbortSignal(signal, answer);
  throw new Refusal(statusCode, messageIn(await textOf(answer, what, MAX_REFUSAL)));
}

async function textOf(answer: IncomingMessage, what: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop closes the connection.
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw unusable(what, `is larger than ${limit >= MIB ? `${limit / MIB} MiB` : `${limit} bytes`}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function messageIn(body: Buffer): string {
  const text = body.toString();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "message" in value) return String(value.message).slice(0, 1_000);
  } catch {
    // An old dockerd, or a proxy before it, refuses in words.
  }
  return text.trim().slice(0, 1_000);
}

/** `why` goes on after "Docker's answer". */
export function unusable(what: string, why: string, cause?: unknown): AgentError {
  const hint = "Is it Docker that answers on its socket? See the log of dockerd.";
  return new AgentError({ code: "E_DOCKER_ANSWER", message: `Docker's answer (${what}) ${why}`, hint }, { cause });
}
