import { describe, expect, it } from "vitest";
import { byOwnName } from "../../../agent/web/own-name.ts";

const text = (body: string) => () => ({ type: "text/plain", body });
const paths = ["/", "/events", "/api/v1/status", "/metrics", "/livez", "/readyz"];
const routes = byOwnName(Object.fromEntries(paths.map((path) => [path, text("told")])), () => [
  "cmp07.dc1.example.net",
  "Node7",
]);

async function asked(path: string, host: string | undefined, secure = false): Promise<number> {
  const answer = await routes[path]?.({
    path,
    query: new URLSearchParams(),
    headers: host === undefined ? {} : { host },
    address: "10.1.0.1",
    secure,
    signal: new AbortController().signal,
  });
  return answer?.status ?? 200;
}

describe("what people look at", () => {
  it.each([
    ...["10.1.0.11", "10.1.0.11:9464", "[2001:db8::1]:9464", "[::1]", "localhost:9464", "LOCALHOST."],
    ...["cmp07.dc1.example.net:9464", "cmp07", "CMP07:80", "node7", "Node7.:9464"],
  ])("is answered by the host's own name %s", async (host) => {
    for (const path of paths) expect(await asked(path, host)).toBe(200);
  });

  it.each([
    ...["evil.example", "evil.example:9464", "cmp07.evil.example", "localhost.evil.example", "10.1.0.11.evil.example"],
    ...["evil.example@10.1.0.11", "10.1.0.11/@evil.example", "10.1.0.11, evil.example", "cmp07.dc1", ":9464", "", "[]"],
    undefined,
  ])("is misdirected under the name %s, and monitoring is answered", async (host) => {
    for (const path of ["/", "/events", "/api/v1/status"]) expect(await asked(path, host)).toBe(421);
    for (const path of ["/metrics", "/livez", "/readyz"]) expect(await asked(path, host)).toBe(200);
  });

  it("is answered over TLS by any name, because the browser has compared it with the certificate", async () => {
    for (const path of paths) expect(await asked(path, "status.example.net", true)).toBe(200);
  });
});
