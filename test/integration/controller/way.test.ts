import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../../agent/core/errors.ts";
import type { ControllerWay } from "../../../agent/core/probe.ts";
import { Certificates } from "../../controller/certificates.ts";
import { Fleet } from "../../controller/fleet.ts";
import { ConnectProxy, type ProxyManner } from "../../controller/proxy.ts";
import { OpampServer } from "../../controller/server.ts";
import { Subject } from "./subject.ts";

const SECRET = "geheimnis";

let folder: string;
let made: Certificates;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "devcloud-way-"));
  made = new Certificates(folder);
  await Promise.all([made.authority("ca"), made.authority("other-ca")]);
  await made.issue("ca", "server");
  await made.issue("ca", "elsewhere", { address: "10.9.9.9" });
  await made.issue("ca", "old-server", { days: -1 });
  await made.issue("ca", "client");
  await made.issue("other-ca", "stranger");
  await made.issue("ca", "old-client", { days: -1 });
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Controller {
  readonly opamp: OpampServer;
  readonly endpoint: string;
  readonly clients: readonly string[];
}

/** The reference controller over TLS; with `mutual` it takes nobody without a certificate of our authority. */
async function controller(name = "server", mutual = false): Promise<Controller> {
  const [cert, key, ca] = await Promise.all(
    [made.pem(name), made.key(name), made.pem("ca")].map((file) => readFile(file)),
  );
  const tls = { cert, key, ...(mutual && { ca, requestCert: true, rejectUnauthorized: true }) };
  const opamp = await OpampServer.start(new Fleet(), { host: "127.0.0.1", port: 0, tls });
  open.push(opamp);
  return { opamp, endpoint: `wss://127.0.0.1:${opamp.port}/v1/opamp`, clients: opamp.clients };
}

async function proxy(manner: ProxyManner = "well", host?: string): Promise<ConnectProxy> {
  const started = await ConnectProxy.start(host);
  started.manner = manner;
  open.push(started);
  return started;
}

const account = ({ port }: ConnectProxy): string => `http://agent:${SECRET}@127.0.0.1:${port}`;

function subject(endpoint: string, way: Partial<ControllerWay>): Subject {
  const agent = new Subject([endpoint], {}, undefined, { tls: { ca: made.pem("ca") }, ...way });
  open.push({ close: () => agent.stop() });
  return agent;
}

async function lost(agent: Subject): Promise<Problem> {
  const { problem } = await agent.next("lost");
  expect(JSON.stringify([agent.events, agent.controller.status])).not.toContain(SECRET);
  return problem;
}

describe("a controller behind an HTTP proxy", () => {
  it("is reached over TLS through a tunnel to the endpoint, and no account is sent", async () => {
    const { endpoint, opamp } = await controller();
    const between = await proxy();
    const agent = subject(endpoint, { proxy: account(between) });
    await agent.next("connected");
    expect(between.asked.map(({ target }) => target)).toEqual([`127.0.0.1:${opamp.port}`]);
    expect(between.asked[0]?.headers["proxy-authorization"]).toBeUndefined();
  });

  it.each<[ProxyManner, string]>([
    [407, "answered 407 when it was asked for 127.0.0.1:"],
    [502, "answered 502 when it was asked for 127.0.0.1:"],
    ["closing", "cannot be used: socket hang up"],
    ["garbage", "cannot be used: Parse Error"],
  ])("is tried again and again while the proxy says %s, and found when it lets us through", async (manner, words) => {
    const { endpoint } = await controller();
    const between = await proxy(manner);
    const agent = subject(endpoint, { proxy: account(between) });
    const problem = await lost(agent);
    expect(problem.code).toBe("E_CONTROLLER_PROXY");
    expect(problem.message).toContain(`the proxy http://127.0.0.1:${between.port} ${words}`);
    expect(await lost(agent)).toEqual(problem);
    between.manner = "well";
    await agent.next("connected");
  });

  it("is given up in time when the proxy says nothing, and found when it does", async () => {
    const { endpoint } = await controller();
    const between = await proxy("hanging");
    const agent = subject(endpoint, { proxy: account(between) });
    expect((await lost(agent)).code).toBe("E_CONTROLLER_TIMEOUT");
    between.manner = "well";
    await agent.next("connected");
  });

  it("is reached also when the proxy is slow", async () => {
    const { endpoint } = await controller();
    await subject(endpoint, { proxy: account(await proxy("slow")) }).next("connected");
  });

  it("is not reached when the proxy is not there, and the proxy is blamed", async () => {
    const { endpoint } = await controller();
    const between = await ConnectProxy.start();
    const [url, port] = [account(between), between.port];
    await between.close();
    const problem = await lost(subject(endpoint, { proxy: url }));
    expect(problem).toMatchObject({
      code: "E_CONTROLLER_PROXY",
      message: `the proxy http://127.0.0.1:${port} cannot be used: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
  });

  it("is reached through a proxy with an IPv6 address", async () => {
    const { endpoint } = await controller();
    const between = await proxy("well", "::1");
    await subject(endpoint, { proxy: `http://[::1]:${between.port}` }).next("connected");
  });

  it("is given up in the middle of the handshake, again and again, and nothing is left of it", async () => {
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined));
      socket.resume().once("close", () => sockets.delete(socket));
    });
    mute.listen(0, "127.0.0.1");
    await once(mute, "listening");
    open.push({ close: () => mute.close() });
    const between = await proxy();
    const agent = subject(`wss://127.0.0.1:${(mute.address() as AddressInfo).port}/`, { proxy: account(between) });
    expect((await lost(agent)).code).toBe("E_CONTROLLER_TIMEOUT");
    expect((await lost(agent)).code).toBe("E_CONTROLLER_TIMEOUT");
    await expect.poll(() => sockets.size).toBeLessThanOrEqual(1);
  });

  it("is found again after the tunnel was cut", async () => {
    const { endpoint } = await controller();
    const between = await proxy();
    const agent = subject(endpoint, { proxy: account(between) });
    await agent.next("connected");
    const gone = lost(agent);
    between.cut();
    expect((await gone).code).toBe("E_CONTROLLER_CLOSED");
    await agent.next("connected");
  });
});

describe("the certificate of a controller", () => {
  it.each<[string, string, string, string]>([
    ["of another authority", "server", "other-ca", "unable to verify the first certificate"],
    ["for another address", "elsewhere", "ca", "IP: 127.0.0.1 is not in the cert's list"],
    ["that ended", "old-server", "ca", "certificate has expired"],
  ])("is refused, and so said with the authority's file, when it is one %s", async (_name, server, ca, words) => {
    const { endpoint } = await controller(server);
    const problem = await lost(subject(endpoint, { tls: { ca: made.pem(ca) } }));
    expect(problem.code).toBe("E_CONTROLLER_TLS");
    expect(problem.message).toContain("the controller's certificate is refused");
    expect(problem.message).toContain(words);
    expect(problem.message).toContain(made.pem(ca));
  });

  it("is looked at through a proxy as well", async () => {
    const { endpoint } = await controller("elsewhere");
    const problem = await lost(subject(endpoint, { proxy: account(await proxy()) }));
    expect(problem.code).toBe("E_CONTROLLER_TLS");
  });
});

describe("the certificate of this host", () => {
  const own = (cert: string, key = cert) => ({ tls: { ca: made.pem("ca"), cert: made.pem(cert), key: made.key(key) } });

  it("is taken when it is the right one, directly and through a proxy", async () => {
    const { endpoint, clients } = await controller("server", true);
    await subject(endpoint, own("client")).next("connected");
    await subject(endpoint, { ...own("client"), proxy: account(await proxy()) }).next("connected");
    expect(clients).toEqual(["client", "client"]);
  });

  it("is missed by a controller that wants one, which is no success", async () => {
    const { endpoint, clients } = await controller("server", true);
    const agent = subject(endpoint, {});
    expect(["E_CONTROLLER_UNREACHABLE", "E_CONTROLLER_TLS"]).toContain((await lost(agent)).code);
    expect(agent.events.some(({ step }) => step === "connected")).toBe(false);
    expect(clients).toEqual([]);
  });

  it("is refused when it is of another authority", async () => {
    const { endpoint, clients } = await controller("server", true);
    expect(["E_CONTROLLER_UNREACHABLE", "E_CONTROLLER_TLS"]).toContain(
      (await lost(subject(endpoint, own("stranger")))).code,
    );
    expect(clients).toEqual([]);
  });

  it("is refused when it ended, and the agent says which file and since when", async () => {
    const { endpoint } = await controller("server", true);
    const problem = await lost(subject(endpoint, own("old-client")));
    expect(problem.code).toBe("E_CONTROLLER_TLS");
    expect(problem.message).toMatch(new RegExp(`${made.pem("old-client")} is valid until .* only`));
  });

  it("is not used with the key of another, and both files are named", async () => {
    const { endpoint } = await controller("server", true);
    const problem = await lost(subject(endpoint, own("client", "stranger")));
    expect(problem).toMatchObject({ code: "E_CONTROLLER_TLS", file: made.key("stranger") });
    expect(problem.message).toContain(`does not belong to ${made.pem("client")}`);
  });

  it.each<[string, string, string]>([
    ["is not there", "cert", "E_FILE_MISSING"],
    ["is a folder", "key", "E_FILE_KIND"],
    ["is no PEM", "cert", "E_CONTROLLER_TLS"],
    ["is no PEM", "key", "E_CONTROLLER_TLS"],
    ["is no PEM", "ca", "E_CONTROLLER_TLS"],
  ])("is not used when a file %s: %s", async (what, name, code) => {
    const { endpoint } = await controller("server", true);
    const file = what === "is a folder" ? folder : join(folder, `${what.replaceAll(" ", "-")}-${name}`);
    if (what === "is no PEM") await writeFile(file, "-----BEGIN NOTHING-----\n");
    const problem = await lost(subject(endpoint, { tls: { ...own("client").tls, [name]: file } }));
    expect(problem).toMatchObject({ code, file });
    expect(problem.message).toContain(file);
  });

  it("that was renewed counts from the next connection on, also when the old files did not fit together", async () => {
    const { endpoint, clients, opamp } = await controller("server", true);
    const use = async (cert: string, key: string): Promise<void> => {
      await copyFile(made.pem(cert), made.pem("used"));
      await copyFile(made.key(key), made.key("used"));
    };
    await use("client", "client");
    const agent = subject(endpoint, own("used"));
    await agent.next("connected");
    await made.issue("ca", "renewed");
    await use("renewed", "client");
    const gone = agent.next("lost");
    opamp.behave("closing");
    opamp.manner = "well";
    await gone;
    expect((await lost(agent)).message).toContain(`does not belong to ${made.pem("used")}`);
    await use("renewed", "renewed");
    await agent.next("connected");
    expect(clients).toEqual(["client", "renewed"]);
  });
});
