import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Address, type Client, type ClientOptions, createClient, type Tls, type TlsOptions } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must } from "../../lab/command.ts";
import { vswitch } from "../../unit/ovs/tables.ts";
import { Authority } from "./certificates.ts";
import { addBridge, quick, reached, rejection, synced, write } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
let tls: TlsOptions;
let authority: Authority;
let stranger: Authority;
const clients: Client[] = [];

/** A server that wants a certificate of its authority from every client, and whose own names no host. */
async function start(alternative?: string): Promise<void> {
  authority = await Authority.create(ovs.folder, "authority");
  stranger = await Authority.create(ovs.folder, "stranger");
  const server = await authority.sign("server id:1", alternative);
  const client = await authority.sign("client");
  const flags = [`--private-key=${server.key}`, `--certificate=${server.cert}`, `--ca-cert=${authority.ca}`];
  await ovs.start({ remotes: [`punix:${ovs.socket}`, "pssl:0:127.0.0.1"], flags });
  tls = {
    ca: await readFile(authority.ca),
    cert: await readFile(client.cert, "utf8"),
    key: await readFile(client.key),
  };
}

async function open(change: Partial<TlsOptions> | Tls = {}, options: Partial<ClientOptions> = {}): Promise<Client> {
  const given = typeof change === "function" ? change : { ...tls, ...change };
  const address: Address = { host: "127.0.0.1", port: await ovs.port(), tls: given };
  const client = createClient({ address, ...quick, ...options });
  clients.push(client);
  return client;
}

beforeEach(async () => {
  ovs = await TestOvs.create();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await ovs.dispose();
});

describe("TLS", () => {
  it("carries requests and replicas like any other connection", async () => {
    await start();
    const client = await open();
    await client.connect();
    const replica = await client.monitor(vswitch);
    await write(client, (tx) => addBridge(tx, "br0"));
    await replica.until((now) => now.find("Bridge", { name: "br0" }) !== undefined);
    const lost = synced(replica, false);
    await client.request("echo", ["x".repeat(2_000_000)]);
    await ovs.appctl("server", "ovsdb-server/reconnect");
    await lost;
    await synced(replica, true);
  });

  it("refuses a server whose certificate another authority has signed", async () => {
    await start();
    const client = await open({ ca: await readFile(stranger.ca) });
    const error = await rejection(client.connect());
    expect(error).toMatchObject({ kind: "unreachable", errno: "SELF_SIGNED_CERT_IN_CHAIN" });
    expect(error.message).toContain("ssl:127.0.0.1:");
  });

  it("does not trust the system's authorities in place of an empty one", async () => {
    await start();
    const authority = join(ovs.folder, "authority.pem");
    const script = `
      import { createClient } from "node-ovsdb";
      const tls = { ca: process.argv[2] };
      const client = createClient({ address: { host: "127.0.0.1", port: Number(process.argv[1]), tls } });
      const outcome = client.connect().then(() => "connected", (error) => error.errno);
      console.log(await outcome);
      client.close();
    `;
    const connect = (ca: string): Promise<string> =>
      must([process.execPath, "--input-type=module", "-e", script, String(port), ca], {
        // The system's authorities, as far as Node knows them.
        env: { ...process.env, NODE_EXTRA_CA_CERTS: authority },
      });
    const port = await ovs.port();
    expect((await connect(await readFile(authority, "utf8"))).trim()).toBe("connected");
    expect((await connect("")).trim()).not.toBe("connected");
  });

  it("takes any name if none is asked for, and refuses another one than is asked for", async () => {
    await start("IP:127.0.0.1,DNS:ovsdb.example");
    await (await open()).connect();
    await (await open({ serverName: "127.0.0.1" })).connect();
    await (await open({ serverName: "ovsdb.example" })).connect();
    const wrong = await open({ serverName: "other.example" });
    const error = await rejection(wrong.connect());
    expect(error).toMatchObject({ kind: "unreachable", errno: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  it("tells that the server refuses a client without a certificate, and goes on trying", async () => {
    await start();
    const { ca } = tls;
    tls = { ca };
    const client = await open();
    client.start();
    const refused = await reached(client, "backoff");
    expect(refused.state === "backoff" && refused.cause.errno).toMatch(/^ERR_SSL_|^ECONNRESET$/);
  });

  it("asks for certificates at each attempt: those that were replaced are used on the next connection", async () => {
    await start();
    const files = { ca: authority.ca, ...(await authority.sign("first")) };
    const asked: (() => void)[] = [];
    const client = await open(async () => {
      asked.shift()?.();
      const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map((file) => readFile(file)));
      return { ca: ca ?? [], ...(cert === undefined || key === undefined ? {} : { cert, key }) };
    });
    const refusals: string[] = [];
    client.onState((state) => {
      if (state.state === "backoff") refusals.push(state.cause.errno ?? "");
    });
    const refused = async (errno: RegExp): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const remove = client.onState((state) => {
        if (state.state === "backoff" && errno.test(state.cause.errno ?? "")) resolve();
      });
      return promise.finally(remove);
    };
    const replaced = async (change: Partial<typeof files>): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      Object.assign(files, change);
      asked.push(resolve);
      await promise;
      await reached(client, "connected");
      expect(await client.listDatabases()).toContain("Open_vSwitch");
    };
    await client.connect();
    // Somebody has put the wrong ones there.
    const wrongOwn = refused(/^ERR_SSL_|^ECONNRESET$/);
    Object.assign(files, await stranger.sign("wrong"));
    await ovs.appctl("server", "ovsdb-server/reconnect");
    await wrongOwn;
    await replaced(await authority.sign("second"));
    const wrongAuthority = refused(/^SELF_SIGNED_CERT_IN_CHAIN$/);
    files.ca = stranger.ca;
    await ovs.appctl("server", "ovsdb-server/reconnect");
    await wrongAuthority;
    await replaced({ ca: authority.ca });
  });

  it("fails like any attempt when certificates cannot be had, or not in time", async () => {
    await start();
    const absent = await open(async () => ({ ca: await readFile(join(ovs.folder, "absent.pem")) }));
    expect(await rejection(absent.connect())).toMatchObject({ kind: "unreachable", errno: "ENOENT" });
    const broken = await open(() => {
      throw new Error("mine");
    });
    const error = await rejection(broken.connect());
    expect(error.kind).toBe("unreachable");
    expect(error.message).toContain("mine");
    const never = (): Promise<TlsOptions> => new Promise(() => undefined);
    const late = await open(never, { requestTimeoutMs: 20 });
    expect(await rejection(late.connect())).toMatchObject({ kind: "unreachable", errno: "ETIMEDOUT" });
    const patient = await open(never, { requestTimeoutMs: Infinity });
    const giveUp = new AbortController();
    const attempt = rejection(patient.connect(giveUp.signal));
    giveUp.abort(new Error("enough"));
    expect(await attempt).toMatchObject({ message: "enough" });
  });

  it("refuses a key that is none before anything is sent", async () => {
    await start();
    const client = await open({ key: "no key" });
    expect(await rejection(client.connect())).toMatchObject({ kind: "unreachable" });
    expect(client.state).toEqual({ state: "idle" });
  });

  it("gives up a peer that never answers the handshake, by its time-out and by its signal", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const bound = silent.address();
    const port = typeof bound === "object" ? (bound?.port ?? 0) : 0;
    const address = { host: "127.0.0.1", port, tls: { ca: [] } };
    const client = createClient({ address, ...quick, requestTimeoutMs: 50 });
    expect(await rejection(client.connect())).toMatchObject({ kind: "unreachable", errno: "ETIMEDOUT" });
    const giveUp = new AbortController();
    const patient = createClient({ address, ...quick, requestTimeoutMs: Infinity });
    const attempt = rejection(patient.connect(giveUp.signal));
    giveUp.abort(new Error("enough"));
    expect(await attempt).toMatchObject({ message: "enough" });
    client.close();
    patient.close();
    silent.close();
  });
});
