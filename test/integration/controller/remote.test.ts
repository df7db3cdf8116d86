import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ControllerEvent } from "../../../agent/controller/ports.ts";
import type { Session } from "../../../agent/controller/state.ts";
import { probeController } from "../../../agent/system/websocket.ts";
import { Fleet, type FleetHost } from "../../controller/fleet.ts";
import { OpampServer } from "../../controller/server.ts";
import { makeCertificates } from "../../lab/controller.ts";
import { Subject } from "./subject.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

interface Pair {
  readonly fleet: Fleet;
  readonly opamp: OpampServer;
  readonly agent: Subject;
}

/** The reference controller with one agent, both with real sockets. */
async function pair(session?: Session): Promise<Pair> {
  const fleet = new Fleet();
  const opamp = await OpampServer.start(fleet, { host: "127.0.0.1", port: 0 });
  open.push(opamp);
  return { fleet, opamp, agent: attach(opamp, session) };
}

function attach(opamp: OpampServer, session?: Session): Subject {
  const agent = new Subject([`ws://127.0.0.1:${opamp.port}/v1/opamp`], {}, session);
  open.push({ close: () => agent.stop() });
  return agent;
}

async function seen(fleet: Fleet, fits: (host: FleetHost) => boolean): Promise<FleetHost> {
  for (;;) {
    const found = [...fleet.hosts.values()].find(fits);
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => fleet.once("change", resolve));
  }
}

async function push({ fleet, opamp }: Pair, text: string): Promise<string> {
  const host = await seen(fleet, ({ health }) => health !== undefined);
  fleet.desire(host.uid, text);
  opamp.offer(host);
  return host.desired?.hash ?? "";
}

const judged = (hash: string) => (host: FleetHost) =>
  host.remote?.hash === hash && host.remote.status !== "APPLYING" && host.remote.status !== "UNSET";

const judging = (hash: string) => (host: FleetHost) => host.remote?.hash === hash && host.remote.status === "APPLYING";

/** The next two reports have come: whatever was sent to the agent before has been taken, and told. */
async function reported({ fleet }: Pair): Promise<void> {
  const [first] = fleet.hosts.values();
  const from = first?.sequence ?? 0;
  await seen(fleet, ({ sequence }) => sequence >= from + 2);
}

describe("a host and the reference controller", () => {
  it("know each other: who it is, how it is, what is in force", async () => {
    const { fleet, agent } = await pair();
    const host = await seen(fleet, ({ health }) => health !== undefined);
    expect(host).toMatchObject({ connected: true, attributes: { "host.name": "subject" }, health: { healthy: true } });
    expect(host.effective).toBe("version: 1\n");
    expect(Buffer.from(host.uid, "base64").toString("hex")).toBe(agent.session?.uid);
  });

  it("say goodbye when the agent ends", async () => {
    const { fleet, agent } = await pair();
    await seen(fleet, ({ connected }) => connected);
    await agent.stop();
    const host = await seen(fleet, ({ connected }) => !connected);
    expect(host.happenings.at(-1)?.text).toBe("said goodbye");
  });

  it("find each other again after the controller was away, with everything told anew", async () => {
    const { opamp, fleet, agent } = await pair();
    await seen(fleet, ({ connected }) => connected);
    opamp.behave("closing");
    await seen(fleet, ({ connected }) => !connected);
    while (agent.events.filter(({ step }) => step === "lost").length < 4) await agent.another();
    fleet.hosts.clear();
    opamp.behave("well");
    expect((await seen(fleet, ({ health }) => health !== undefined)).effective).toBe("version: 1\n");
  });

  it("keep the id over a restart of the agent, and never use a sequence number twice", async () => {
    const { fleet, opamp, agent } = await pair();
    const before = await seen(fleet, ({ health }) => health !== undefined);
    const { sequence } = before;
    await agent.stop();
    attach(opamp, agent.session);
    const after = await seen(fleet, ({ connected }) => connected);
    expect(after.uid).toBe(before.uid);
    expect(after.sequence).toBeGreaterThan(sequence + 1);
  });
});

describe("a configuration of the controller", () => {
  it("is applied, kept and reported, and then it is in force", async () => {
    const both = await pair();
    const hash = await push(both, "version: 1 # new\n");
    const host = await seen(both.fleet, judged(hash));
    expect(host.remote).toEqual({ hash, status: "APPLIED", error: "" });
    expect(both.agent.followed).toEqual(["version: 1 # new\n"]);
    expect(await seen(both.fleet, ({ effective }) => effective.includes("new"))).toBeDefined();
  });

  it("is on trial until it was judged, and says so", async () => {
    const both = await pair();
    const trial = Promise.withResolvers<undefined>();
    both.agent.follow = () => trial.promise;
    const hash = await push(both, "version: 1 # on trial\n");
    await seen(both.fleet, ({ remote }) => remote?.status === "APPLYING");
    expect(both.agent.session?.applying).toEqual({ hash, previous: null });
    trial.resolve(undefined);
    await seen(both.fleet, judged(hash));
    expect(both.agent.session?.applying).toBeUndefined();
  });

  it("is taken away again when the host does not stay reachable with it, and what was there before stands", async () => {
    const both = await pair();
    await seen(both.fleet, judged(await push(both, "version: 1 # good\n")));
    both.agent.follow = async (fragment) =>
      fragment?.includes("bad") ? { code: "E_NETWORK_ROLLED_BACK", message: "rolled back: no answer" } : undefined;
    const hash = await push(both, "version: 1 # bad\n");
    const host = await seen(both.fleet, judged(hash));
    expect(host.remote).toEqual({ hash, status: "FAILED", error: "rolled back: no answer" });
    while (both.agent.followed.length < 3) await seen(both.fleet, () => true).then(() => new Promise(setImmediate));
    expect(both.agent.followed).toEqual(["version: 1 # good\n", "version: 1 # bad\n", "version: 1 # good\n"]);
    expect(both.agent.fragment).toBe("version: 1 # good\n");
  });

  it("is not written at all when it is refused, and the reason says where", async () => {
    const both = await pair();
    const host = await seen(both.fleet, judged(await push(both, "version: 1\nclosed: true\n")));
    expect(host.remote?.error).toBe("E_CONFIG_CLOSED: the controller may not set this (line 2)");
    expect(both.agent.followed).toEqual([]);
    expect(both.agent.fragment).toBeNull();
  });

  it("that cannot be written is FAILED with the reason and tried no longer, and the next one is taken", async () => {
    const both = await pair();
    both.agent.unwritable = new Error("the disk is read-only");
    const hash = await push(both, "version: 1 # unwritable\n");
    const host = await seen(both.fleet, judged(hash));
    expect(host.remote).toEqual({ hash, status: "FAILED", error: "the disk is read-only" });
    expect(both.agent.session?.applying).toBeUndefined();
    expect(both.agent.followed).toEqual([]);
    both.agent.unwritable = undefined;
    expect((await seen(both.fleet, judged(await push(both, "version: 1 # next\n")))).remote?.status).toBe("APPLIED");
  });

  it("that cannot be taken away again is FAILED all the same, and taken away as soon as that is possible", async () => {
    const both = await pair();
    await seen(both.fleet, judged(await push(both, "version: 1 # good\n")));
    both.agent.follow = async () => {
      both.agent.unwritable = new Error("the disk is read-only");
      return { code: "E_NETWORK_ROLLED_BACK", message: "rolled back: no answer" };
    };
    const hash = await push(both, "version: 1 # bad\n");
    const host = await seen(both.fleet, judged(hash));
    expect(host.remote).toEqual({ hash, status: "FAILED", error: "rolled back: no answer" });
    expect(both.agent.session?.applying).toBeUndefined();
    expect(both.agent.session?.takeBack).toEqual({ hash, previous: "version: 1 # good\n" });
    const complaints = both.agent.events.flatMap((event) =>
      event.step === "complaint" ? [event.problem.message] : [],
    );
    expect(complaints).toEqual(["the disk is read-only"]);
    both.agent.unwritable = undefined;
    both.agent.follow = async () => undefined;
    await expect.poll(() => both.agent.fragment, { timeout: 10_000 }).toBe("version: 1 # good\n");
    await expect.poll(() => both.agent.session?.takeBack, { timeout: 10_000 }).toBeUndefined();
    expect((await seen(both.fleet, judged(await push(both, "version: 1 # next\n")))).remote?.status).toBe("APPLIED");
  });

  it("that an earlier process could not take away is taken away by the next one", async () => {
    const session: Session = {
      uid: "11".repeat(16),
      sequence: 5,
      failed: [{ hash: "beef", reason: "no", at: "2026-01-01T00:00:00.000Z" }],
      remote: { hash: "beef", status: "failed", error: "no" },
      takeBack: { hash: "beef", previous: "version: 1 # good\n" },
    };
    const { agent } = await pair(session);
    await expect.poll(() => agent.fragment, { timeout: 10_000 }).toBe("version: 1 # good\n");
    await expect.poll(() => agent.session?.takeBack, { timeout: 10_000 }).toBeUndefined();
    expect(agent.followed).toContain("version: 1 # good\n");
  });

  it("that failed is not tried again, however often it is offered, also by a later process; a person may", async () => {
    const both = await pair();
    both.agent.follow = async (fragment) => (fragment === null ? undefined : { code: "E_X", message: "no" });
    const hash = await push(both, "version: 1 # bad\n");
    const host = await seen(both.fleet, judged(hash));
    for (let count = 0; count < 100; count += 1) both.opamp.offer({ ...host, remote: undefined });
    await both.agent.stop();
    expect(both.agent.followed).toEqual(["version: 1 # bad\n", null]);
    expect(both.agent.events.filter(({ step }) => step === "failed")).toHaveLength(1);

    const later = attach(both.opamp, both.agent.session);
    const again = await seen(both.fleet, ({ connected, remote }) => connected && remote?.status === "FAILED");
    both.opamp.offer({ ...again, remote: undefined });
    both.opamp.offer({ ...again, desired: { hash: "00ff", text: "version: 1 # fence\n" }, remote: undefined });
    await later.event((event): event is Extract<ControllerEvent, { step: "applied" }> => event.step === "applied");
    expect(later.followed).toEqual(["version: 1 # fence\n"]);
  });

  it("is tried again by a person's word", async () => {
    const both = await pair();
    both.agent.follow = async (fragment) => (fragment === null ? undefined : { code: "E_X", message: "no" });
    const hash = await push(both, "version: 1 # fixable\n");
    await seen(both.fleet, judged(hash));
    both.agent.follow = async () => undefined;
    both.agent.controller.retry();
    await seen(both.fleet, ({ remote }) => remote?.hash === hash && remote.status === "APPLIED");
    expect(both.agent.retries).toBe(1);
    expect(both.agent.session?.failed).toEqual([]);
  });

  it("that nobody offered since the start is asked for when a person wants it tried again", async () => {
    const failed = [{ hash: "beef", reason: "no", at: "2026-01-01T00:00:00.000Z" }];
    const remote = { hash: "beef", status: "failed", error: "no" } as const;
    const { fleet, agent } = await pair({ uid: "11".repeat(16), sequence: 5, remote, failed });
    const host = await seen(fleet, (each) => each.remote?.status === "FAILED");
    // This controller offers what it has for a host only to one that does not say that it had it.
    host.desired = { hash: "beef", text: "version: 1 # fixable\n" };
    agent.controller.retry();
    await seen(fleet, (each) => each.remote?.status === "APPLIED");
    expect(agent.followed).toEqual(["version: 1 # fixable\n"]);
    expect(agent.session?.failed).toEqual([]);
  });

  it("is the last one that was offered, whatever came while another one was on trial", async () => {
    const both = await pair();
    const trial = Promise.withResolvers<undefined>();
    both.agent.follow = () => trial.promise;
    const host = await seen(both.fleet, ({ health }) => health !== undefined);
    const say = (hash: string): void => {
      both.opamp.offer({ ...host, desired: { hash, text: `version: 1 # ${hash}\n` }, remote: undefined });
    };
    for (const hash of ["aa", "bb", "cc"]) say(hash);
    await seen(both.fleet, judging("aa"));
    await reported(both);
    trial.resolve(undefined);
    await seen(both.fleet, judged("cc"));
    expect(both.agent.followed).toEqual(["version: 1 # aa\n", "version: 1 # cc\n"]);
  });

  it("stays the one on trial when the controller came back to it meanwhile", async () => {
    const both = await pair();
    const trial = Promise.withResolvers<undefined>();
    both.agent.follow = () => trial.promise;
    const host = await seen(both.fleet, ({ health }) => health !== undefined);
    const say = (hash: string): void => {
      both.opamp.offer({ ...host, desired: { hash, text: `version: 1 # ${hash}\n` }, remote: undefined });
    };
    say("aa");
    await seen(both.fleet, judging("aa"));
    for (const hash of ["bb", "aa"]) say(hash);
    // An answer to a report that came after them: they have arrived.
    await reported(both);
    trial.resolve(undefined);
    await seen(both.fleet, judged("aa"));
    await reported(both);
    expect(both.agent.followed).toEqual(["version: 1 # aa\n"]);
  });

  it("is tried once when it is offered again while it is still being looked at", async () => {
    const both = await pair();
    const host = await seen(both.fleet, ({ health }) => health !== undefined);
    const desired = { hash: "aa", text: "version: 1 # aa\n" };
    for (let count = 0; count < 10; count += 1) both.opamp.offer({ ...host, desired, remote: undefined });
    await seen(both.fleet, judged("aa"));
    await reported(both);
    expect(both.agent.followed).toEqual(["version: 1 # aa\n"]);
    expect(both.agent.events.filter(({ step }) => step === "offered" || step === "applied")).toHaveLength(2);
  });

  it("without a hash is refused, once, and nothing is tried", async () => {
    const both = await pair();
    const host = await seen(both.fleet, ({ health }) => health !== undefined);
    for (const text of ["version: 1 # a\n", "version: 1 # b\n"]) {
      both.opamp.offer({ ...host, desired: { hash: "", text }, remote: { hash: "?", status: "", error: "" } });
    }
    const { remote } = await seen(both.fleet, judged(""));
    expect(remote).toMatchObject({ status: "FAILED", error: "the configuration was refused: it has no hash" });
    await reported(both);
    expect(both.agent.followed).toEqual([]);
    expect(both.agent.events.filter(({ step }) => step === "failed")).toHaveLength(1);
  });

  it("is remembered with a short reason, however much it made the host say", async () => {
    const both = await pair();
    both.agent.follow = async () => ({ code: "E_X", message: "x".repeat(1_000_000) });
    const hash = await push(both, "version: 1 # bad\n");
    expect((await seen(both.fleet, judged(hash))).remote?.error).toHaveLength(1_000);
    expect(JSON.stringify(both.agent.session).length).toBeLessThan(5_000);
  });

  it("that an earlier process had on trial is judged by what the host follows", async () => {
    const session: Session = {
      uid: "11".repeat(16),
      sequence: 5,
      failed: [],
      applying: { hash: "beef", previous: null },
    };
    const { fleet } = await pair(session);
    const host = await seen(fleet, judged("beef"));
    expect(host.remote).toMatchObject({ status: "FAILED", error: "interrupted before it was tried" });
  });

  it("can be taken away", async () => {
    const both = await pair();
    await seen(both.fleet, judged(await push(both, "version: 1 # good\n")));
    const host = await seen(both.fleet, judged(await push(both, "")));
    expect(host.remote?.status).toBe("APPLIED");
    expect(both.agent.fragment).toBeNull();
  });
});

describe("the way to the controller", () => {
  it("is TLS with the authority that the configuration names, for the address that it says", async () => {
    const folder = await mkdtemp(join(tmpdir(), "devcloud-tls-"));
    open.push({ close: () => rm(folder, { recursive: true, force: true }) });
    for (const [name, address] of [
      ["right", "127.0.0.1"],
      ["wrong", "10.9.9.9"],
    ] as const) {
      await makeCertificates(join(folder, name), address, process.env);
    }
    const server = async (name: string): Promise<string> => {
      const [cert = "", key = ""] = await Promise.all(
        ["pem", "key"].map((end) => readFile(join(folder, name, `server.${end}`), "utf8")),
      );
      const opamp = await OpampServer.start(new Fleet(), { host: "127.0.0.1", port: 0, tls: { cert, key } });
      open.push(opamp);
      return `wss://127.0.0.1:${opamp.port}/v1/opamp`;
    };
    const { signal } = new AbortController();
    const reach = (endpoint: string, ca?: string) =>
      probeController(
        { endpoints: [endpoint], tls: ca === undefined ? {} : { ca: join(folder, ca, "ca.pem") } },
        5_000,
        signal,
      );
    const right = await server("right");
    expect(await reach(right, "right")).toEqual({ ok: true });
    expect(await reach(right, "wrong")).toMatchObject({ ok: false });
    expect(await reach(right)).toMatchObject({ ok: false });
    expect((await reach(await server("wrong"), "wrong")).detail).toContain("altnames");
    expect((await reach(right, "missing")).detail).toContain("missing/ca.pem does not exist");
  });
});
