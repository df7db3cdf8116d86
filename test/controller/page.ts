import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Fleet, FleetHost } from "./fleet.ts";
import type { Manner, OpampServer } from "./server.ts";

const html = readFileSync(new URL("./page.html", import.meta.url), "utf8");
const MAX_BODY = 1024 * 1024;
const MANNERS: readonly string[] = ["well", "silent", "closing", "garbage", "flooding", "busy"] satisfies Manner[];

/** The page may run and be styled by what stands in it, and speak with where it came from. Nothing else. */
const policy = [
  "default-src 'none'",
  `script-src ${hashOf("script")}`,
  `style-src ${hashOf("style")}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashOf(tag: string): string {
  const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? "";
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** The page with the fleet as it is now in a block of data, which runs nowhere. */
function withFleet(fleet: FleetView): string {
  const text = JSON.stringify(fleet).replaceAll("<", "\\u003c");
  return html.replace(/(<script id="first"[^>]*>)[^<]*/, (_match, tag: string) => tag + text);
}

/** The fleet page and its API. Everybody who reaches it may push configurations, so it listens where only the lab is. */
export function createPage(fleet: Fleet, opamp: OpampServer): Server {
  return createServer((request, response) => {
    answer(request, response, fleet, opamp).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else send(response, 400, { error: message });
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  fleet: Fleet,
  opamp: OpampServer,
): Promise<void> {
  switch (`${request.method} ${request.url}`) {
    case "GET /":
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
      });
      return void response.end(withFleet(view(fleet, opamp)));
    case "GET /api/fleet":
      return send(response, 200, view(fleet, opamp));
    case "GET /events":
      return follow(response, fleet, opamp);
    case "POST /api/config": {
      const { uid, text } = await bodyOf(request);
      const host = fleet.desire(String(uid), String(text));
      opamp.offer(host);
      return send(response, 200, { hash: host.desired?.hash });
    }
    case "POST /api/manner": {
      const { manner } = await bodyOf(request);
      if (!isManner(manner)) throw new Error(`a manner is one of ${MANNERS.join(", ")}`);
      opamp.behave(manner);
      return send(response, 200, view(fleet, opamp));
    }
    default:
      return send(response, 404, { error: "There is no such page" });
  }
}

function isManner(value: unknown): value is Manner {
  return typeof value === "string" && MANNERS.includes(value);
}

/** What the page shows, and what tests ask for. */
export interface FleetView {
  readonly hosts: readonly FleetHost[];
  readonly manner: Manner;
  readonly attempts: number;
  readonly now: number;
}

function view(fleet: Fleet, opamp: OpampServer): FleetView {
  const hosts = [...fleet.hosts.values()].toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
  return { hosts, manner: opamp.manner, attempts: opamp.attempts, now: Date.now() };
}

function nameOf(host: FleetHost): string {
  return host.attributes["host.name"] ?? host.uid;
}

function follow(response: ServerResponse, fleet: Fleet, opamp: OpampServer): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const tell = (): void => void response.write(`data: ${JSON.stringify(view(fleet, opamp))}\n\n`);
  fleet.on("change", tell);
  // A proxy or a laptop that slept closes a line that says nothing for long.
  const alive = setInterval(tell, 10_000);
  response.once("close", () => {
    clearInterval(alive);
    fleet.off("change", tell);
  });
  tell();
}

/** Another site's page can send a form, but not this content type without being asked first (CORS). */
async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  if (request.headers["content-type"] !== "application/json") throw new Error("the body has to be application/json");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  if (typeof value !== "object" || value === null) throw new Error("the body has to be an object");
  return { ...value };
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(value)}\n`);
}
