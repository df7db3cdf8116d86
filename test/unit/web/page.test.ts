import { createHash } from "node:crypto";
import { Script } from "node:vm";
import { describe, expect, it } from "vitest";
import type { WebAnswer, WebRequest } from "../../../agent/system/web-server.ts";
import { MAX_CLIENTS } from "../../../agent/web/page/feed.ts";
import { statusPage } from "../../../agent/web/page/page.ts";
import { Lately } from "../../../agent/web/page/told.ts";
import { viewOf } from "../../../agent/web/page/view.ts";
import type { MemberStatus, NetworkStatus, Status } from "../../../agent/web/status.ts";

const em1: MemberStatus = { nic: "em1", device: "em1", fabric: "A", link: "up", active: true };
const em2: MemberStatus = { nic: "em2", device: "em2", fabric: "B", link: "up", active: false };

function statusWith(network: Partial<NetworkStatus> = {}, more: Partial<Status> = {}): Status {
  return {
    schema: "devcloud-agent/status/v1",
    version: "1.0.0",
    pid: 7,
    startedAt: 0,
    ready: "yes",
    configuration: { inForce: "written" },
    network: {
      loop: { state: "idle" },
      problems: [],
      mode: "enforce",
      revision: 3,
      bond: { name: "bond0", members: [em1, em2] },
      wiring: {
        bridge: "br-uplink",
        bridgeStands: true,
        vlans: { management: 100, general: 120 },
        devices: ["mgmt0"],
        patches: [{ bridge: "br-ex", vlans: ["general"], stands: true }],
      },
      addresses: [{ device: "mgmt0", address: "10.1.0.11/24", vlan: 100 }],
      ...network,
    },
    os: { view: { state: "unknown" }, problems: [] },
    ...more,
  };
}

const view = (status: Status) => viewOf(status, { host: "h1", at: 1_000, events: [] });

function pageOf(status: Status = statusWith()) {
  const stop = new AbortController();
  const told = new Set<(event: object) => void>();
  const routes = statusPage({
    status: () => Promise.resolve(status),
    statusNow: () => Promise.resolve(status),
    subscribe(listener) {
      told.add(listener);
      return () => told.delete(listener);
    },
    host: () => "h1",
    // Nothing but an event wakes the feed.
    clock: {
      now: () => 1_000,
      sleep: (ms, signal) =>
        ms < 1_000
          ? Promise.resolve()
          : new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("awake")))),
    },
    onError: (error) => expect.fail(String(error)),
    signal: stop.signal,
  });
  const request = (
    path: "/" | "/events",
    gone = new AbortController(),
    { address = "10.1.0.1", query = "" } = {},
  ): WebRequest => ({
    path,
    query: new URLSearchParams(query),
    headers: {},
    address,
    secure: false,
    signal: gone.signal,
  });
  return { routes, request, told, stop };
}

function streamOf({ body }: WebAnswer): AsyncIterator<string> {
  if (typeof body === "string" || body instanceof Uint8Array) return expect.fail("no stream");
  return body[Symbol.asyncIterator]();
}

describe("the page", () => {
  it("may run and be styled by what stands in it, and by nothing else", async () => {
    const { routes, request } = pageOf();
    const { body, headers, type } = await routes["/"](request("/"));
    const html = String(body);
    const policy = headers?.["content-security-policy"] ?? "";
    const hashes = [...html.matchAll(/<(script|style)>([\s\S]*?)<\/\1>/g)].map(
      ([, tag, text = ""]) => `${tag}-src 'sha256-${createHash("sha256").update(text).digest("base64")}'`,
    );
    expect(hashes).toHaveLength(2);
    for (const hash of hashes) expect(policy.split("; ")).toContain(hash);
    expect(policy).toMatch(/^default-src 'none';/);
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(type).toBe("text/html; charset=utf-8");
    expect(headers).toMatchObject({ "referrer-policy": "no-referrer", "cache-control": "no-store" });
  });

  it("has no other origin, no attribute that the policy forbids, and nothing that makes markup of data", async () => {
    const { routes, request } = pageOf();
    const html = String((await routes["/"](request("/"))).body);
    const urls = [...html.matchAll(/[a-z]+:\/\/[^"'\s]+/g)].map(([url]) => url);
    // Names of namespaces, which nobody fetches.
    expect(new Set(urls)).toEqual(new Set(["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"]));
    expect(html).not.toMatch(
      / style=| on[a-z]+=|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|@import|url\(/,
    );
    const [, script = ""] = /<script>([\s\S]*?)<\/script>/.exec(html) ?? [];
    expect(() => new Script(script)).not.toThrow();
  });

  it("escapes what it shows without JavaScript", async () => {
    const problem = { code: "E_X", message: `<img src=x onerror="alert('1')"> & more` };
    const { routes, request } = pageOf(statusWith({ problems: [problem] }));
    const html = String((await routes["/"](request("/"))).body);
    expect(html).not.toContain("<img");
    expect(html).toContain("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; more");
  });
});

describe("the events", () => {
  it("give the status at once, and again when something happens", async () => {
    const { routes, request, told } = pageOf();
    const stream = streamOf(await routes["/events"](request("/events")));
    const first = String((await stream.next()).value);
    expect(first).toMatch(/^event: status\ndata: \{.*\}\n\n$/);
    for (const tell of told) tell({ event: "failover", from: "em1", to: "em2", time: 900 });
    let text = "";
    while (!text.includes("The bond moved from em1 to em2")) text = String((await stream.next()).value);
  });

  it("give the place of the one who holds most of them to whoever comes, and tell who had it", async () => {
    const { routes, request } = pageOf();
    const open = async (address: string) =>
      streamOf(await routes["/events"](request("/events", new AbortController(), { address })));
    const honest = await open("10.1.0.2");
    const greedy: AsyncIterator<string>[] = [];
    for (let count = 0; count < 2 * MAX_CLIENTS; count += 1) greedy.push(await open("10.1.0.1"));
    const another = await open("10.1.0.3");
    expect(String((await honest.next()).value)).toMatch(/^event: status\n/);
    expect(String((await another.next()).value)).toMatch(/^event: status\n/);
    expect(String((await greedy[0]?.next())?.value)).toMatch(/^event: full\n/);
    expect((await greedy[0]?.next())?.done).toBe(true);
  });

  it("are refused to a page that wants a free place, until there is one", async () => {
    const { routes, request } = pageOf();
    const first = new AbortController();
    const again = () => routes["/events"](request("/events", new AbortController(), { query: "if=free" }));
    await routes["/events"](request("/events", first));
    for (let count = 1; count < MAX_CLIENTS; count += 1) await routes["/events"](request("/events"));
    expect((await again()).status).toBe(503);
    first.abort();
    expect((await again()).status).toBeUndefined();
  });

  it("are left alone when the agent ends", () => {
    const { told, stop } = pageOf();
    stop.abort();
    expect(told.size).toBe(0);
  });
});

describe("what is shown", () => {
  it("is in order with both links, and needs a look without one of them", () => {
    expect(view(statusWith())).toMatchObject({ tone: "good", headline: "In order", problems: [] });
    const cut = [{ ...em1, link: "down", active: false } as const, { ...em2, active: true }];
    const shown = view(statusWith({ bond: { name: "bond0", members: cut } }));
    expect(shown).toMatchObject({ tone: "warn", headline: "Needs a look" });
    expect(shown.problems.map(({ message }) => message)).toEqual([
      "em1 has no link to fabric A: the bond has lost its redundancy",
    ]);
    expect(shown.wiring?.legs.map(({ nic }) => nic.state)).toEqual(["link down", "up, active"]);
    expect(shown.wiring?.bond.state).toBe("em2 carries it");
  });

  it("names what is worst first", () => {
    const members = [{ ...em1, link: "down", active: false } as const, { ...em2, active: true }];
    const alert = { code: "E_CONTAINER_ALERT", message: "container nova_libvirt: it is unhealthy" };
    const containers: NonNullable<Status["containers"]> = {
      loop: { state: "idle" },
      docker: { state: "connected", since: 0 },
      problems: [alert],
      list: [],
    };
    const shown = view(statusWith({ bond: { name: "bond0", members } }, { containers }));
    expect(shown.problems.map(({ tone }) => tone)).toEqual(["bad", "warn"]);
    expect(shown.headline).toBe("In trouble");
    expect(shown.detail).toMatch(/^Container nova_libvirt/);
  });

  it("names once what the network and the containers both tell", () => {
    const alert = { code: "E_CONTAINER_ALERT", message: "container nova_libvirt: it is unhealthy" };
    const docker = { state: "connected", since: 0 } as const;
    const containers = { loop: { state: "idle" }, docker, problems: [alert], list: [] } as const;
    expect(view(statusWith({ problems: [alert] }, { containers })).problems).toHaveLength(1);
  });

  it("is in trouble without any link", () => {
    const members = [em1, em2].map((member) => ({ ...member, link: "down", active: false }) as const);
    const shown = view(statusWith({ bond: { name: "bond0", members } }));
    expect(shown).toMatchObject({ tone: "bad", headline: "In trouble" });
    expect(shown.wiring?.bond).toMatchObject({ state: "no link carries it", tone: "bad" });
  });

  it("claims nothing of a host that cannot be observed", () => {
    const members = [em1, em2].map((member) => ({ ...member, link: "unknown", active: false }) as const);
    const wiring = { bridge: "br-uplink", vlans: {}, devices: ["mgmt0"], patches: [{ bridge: "br-ex", vlans: [] }] };
    const shown = view(statusWith({ bond: { name: "bond0", members }, wiring, addresses: [] }));
    expect(shown.wiring?.ports.map(({ state }) => state)).toEqual(["unknown", "unknown"]);
    expect(shown.wiring?.bridge.state).toBe("unknown");
  });

  it("has nothing of the controller's address but where it is", () => {
    const endpoint = "wss://operator:secret-one@controller.example:4320/v1/opamp?token=secret-two";
    const controller = { uid: "u", session: "open", endpoint, connectedForMs: 1 } as const;
    const text = JSON.stringify(view(statusWith({}, { controller })));
    expect(text).toContain("controller.example:4320");
    expect(text).not.toMatch(/secret|opamp/);
  });

  it("keeps the last events, without those that nobody cares for and without repeating itself", () => {
    const lately = new Lately();
    lately.take({ event: "change", step: "probe", time: 1 });
    lately.take({ event: "change", step: "rolled-back", time: 2 });
    lately.take({ event: "change", step: "rolled-back", time: 3 });
    expect(lately.told).toEqual([{ at: 3, text: "A change of the network was rolled back", tone: "bad" }]);
    for (let time = 0; time < 100; time += 1) lately.take({ event: "failover", from: `n${time}`, to: "em1", time });
    expect(lately.told).toHaveLength(10);
  });

  it("says in the NIC's box what keeps the traffic off it, and in the fabric's where the cable ends", () => {
    const gray = { state: "alive", gateway: "10.1.0.1" } as const;
    const neighbor = { device: "em1", chassis: "00:00:5e:00:53:01", name: "leaf-a1", port: "Ethernet1/7", vlans: [] };
    const legs = { state: "told", legs: [{ nic: "em1", device: "em1", neighbors: [neighbor] }] } as const;
    for (const [why, mark] of [
      ["drained", "drained"],
      ["deaf", "deaf"],
      ["flapping", "link flaps"],
    ] as const) {
      const uplinks = { gray, avoided: [{ nic: "em2", why, since: 0 }] };
      const wiring = view(statusWith({ uplinks, legs })).wiring;
      expect(wiring?.legs.map(({ nic }) => [nic.mark, nic.tone])).toEqual([
        [undefined, "good"],
        [mark, "warn"],
      ]);
      expect(wiring?.legs[0]?.fabric).toMatchObject({ note: "leaf-a1", state: "port Ethernet1/7" });
      expect(wiring?.words).toContain(`up, standby, ${mark}`);
    }
  });

  it("says of a silent gateway whether the uplink is to blame", () => {
    const shown = (gray: NonNullable<NetworkStatus["uplinks"]>["gray"]) =>
      view(statusWith({ uplinks: { gray, avoided: [] } })).wiring;
    const gateway = "10.1.0.1";
    expect(shown({ state: "alive", gateway })?.notices).toEqual([]);
    expect(shown({ state: "gateway-silent", gateway, heard: ["10.1.0.2"] })?.notices).toEqual([
      { text: "The gateway 10.1.0.1 is silent; the uplink works", tone: "warn" },
    ]);
    const deaf = shown({ state: "deaf", nic: "em1", stays: "no-standby" });
    expect(deaf?.notices.map(({ tone }) => tone)).toEqual(["bad"]);
    expect(deaf?.legs[0]?.nic.mark).toBe("deaf");
  });

  it("shows on a low rung what stands in for our devices, and what others have there", () => {
    const rung = { rung: 2, name: "kernel-vlan", nic: "em1", devices: ["em1.100"], why: "no", since: 0 } as const;
    const addresses = [{ device: "em1.100", address: "10.1.0.11/24", vlan: 100 }];
    const others = [
      { object: "bridge br-uplink", field: "ports", current: "tap0", desired: null, owner: "foreign" },
      { object: "bridge br-ex", field: "fail_mode", current: "secure", desired: null, owner: "shared" },
    ] as const;
    const wiring = view(statusWith({ rung, addresses, others })).wiring;
    expect(wiring?.notices[0]).toEqual({
      text: "Rung 2 of 3: the addresses are on em1.100, on em1, without Open vSwitch",
      tone: "bad",
    });
    expect(wiring?.ports[0]).toMatchObject({ name: "em1.100", note: "10.1.0.11/24", mark: "stands in" });
    expect(wiring?.quiet).toEqual(["port tap0 on br-uplink", "br-ex: fail_mode secure"]);
  });

  it("needs a look, and is in no trouble, while a NIC is drained", () => {
    const problems = [{ code: "E_NIC_DRAINED", message: "NIC em2 is drained" }];
    expect(view(statusWith({ problems }))).toMatchObject({ tone: "warn", headline: "Needs a look" });
  });
});

describe("what changed last", () => {
  const told = (event: object): string | undefined => {
    const lately = new Lately();
    lately.take(event);
    return lately.told[0]?.text;
  };

  it.each([
    [
      { event: "failover", from: "em1", to: "em2", cause: "carrier", moves: 1 },
      "The bond moved from em1 to em2: em1 lost its link",
    ],
    [
      { event: "failover", from: "em1", cause: "carrier", moves: 1 },
      "No link carries the bond any more: em1 lost its link",
    ],
    [
      { event: "failover", from: "em1", to: "em2", cause: "flapping", moves: 3 },
      "The bond moved from em1 to em2: the link of em1 comes and goes; 3 moves since it was told last",
    ],
    [
      { event: "gray", from: "em1", to: "em2", healed: true, silentMs: 1840 },
      "Nobody answered over em1, and the bond was moved to em2: it works again, after 1.8 s",
    ],
    [
      { event: "gray", from: "em1", to: "em2", healed: false, silentMs: 1840 },
      "Nobody answered over em1, and the bond was moved to em2: nobody answers there either",
    ],
    [{ event: "drain", nic: "em1", until: "2026-01-31T12:00:00.000Z" }, "em1 is drained until 2026-01-31 12:00 UTC"],
    [{ event: "undrain", nic: "em1" }, "The bond may use em1 again"],
    [{ event: "undrain", nic: "em1", why: "drained" }, "The bond may use em1 again: its drain is over"],
    [
      { event: "rung", rung: 1, name: "single-member", what: "the bond stands on em1 alone", why: "no" },
      "Rung 1 of 3: the bond stands on em1 alone",
    ],
    [
      { event: "rung", rung: 0, name: "last-good", what: "the network stands through Open vSwitch", why: "" },
      "The network stands through Open vSwitch",
    ],
    [{ event: "repair-undone", problem: {} }, "A repair of the network cut the host off, and was taken back"],
    [
      { event: "others", others: [{ object: "device mgmt0", field: "addresses", current: "10.9.9.9/24" }] },
      "Not ours, and left alone: address 10.9.9.9/24 on mgmt0",
    ],
    [
      { event: "maintenance", state: "on", until: "2026-01-31T12:00:00.000Z", reason: "new cards" },
      "Maintenance until 2026-01-31 12:00 UTC: new cards",
    ],
    [{ event: "maintenance", state: "off" }, "Maintenance is over"],
  ])("tells %j in plain words", (event, text) => {
    expect(told({ time: 1, ...event })).toBe(text);
  });

  it("tells the first problem that has no event of its own", () => {
    const drained = { code: "E_NIC_DRAINED", message: "NIC em1 is drained" };
    const deaf = { code: "E_UPLINK_DEAF", message: "nobody answers over NIC em2" };
    expect(told({ event: "problems", count: 1, problems: [drained] })).toBeUndefined();
    expect(told({ event: "problems", count: 2, problems: [drained, deaf] })).toBe("Nobody answers over NIC em2");
  });

  it.each([
    {},
    { event: "of-tomorrow" },
    { event: "change", step: "constructor" },
    { event: "controller", step: "__proto__" },
    { event: "maintenance", state: "of-tomorrow" },
    { event: "others", others: "none" },
  ])("leaves out what nobody here knows: %j", (event) => {
    expect(told(event)).toBeUndefined();
  });

  it.each(["failover", "gray", "drain", "undrain", "rung", "others", "maintenance", "uplink", "drift", "container"])(
    "is not broken by a bare %s",
    (event) => {
      expect(() => told({ event, others: [null, 1, {}], cause: "toString", why: "toString" })).not.toThrow();
    },
  );
});
