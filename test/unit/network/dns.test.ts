import { describe, expect, test } from "vitest";
import { targetOf } from "../../../agent/network/desired.ts";
import { dnsSnapshot, planDns } from "../../../agent/network/dns.ts";
import { plan } from "../../../agent/network/plan.ts";
import { snapshot } from "../../../agent/network/snapshot.ts";
import { FakeHost } from "../../fakes/host.ts";
import { configOf, networkSettings } from "../../fakes/settings.ts";
import { Agent, codes, standingHost } from "./capability.ts";

const servers = ["10.1.0.2", "10.1.0.3"];

describe("the name servers", () => {
  test("replace those of the file, whose other lines stay", () => {
    const text = "search dc1.example.net\nnameserver 192.168.1.1\noptions edns0\n";
    const [step] = planDns({ servers }, { way: "file", text });
    expect(step).toMatchObject({ kind: "write-resolv-conf", risk: "none" });
    expect(step).toHaveProperty(
      "text",
      expect.stringMatching(
        /^# .*\nsearch dc1\.example\.net\noptions edns0\nnameserver 10\.1\.0\.2\nnameserver 10\.1\.0\.3\n$/,
      ),
    );
  });

  test("are written once: what was written is as desired, and so is the same list in a person's own file", () => {
    const [step] = planDns({ servers }, { way: "file", text: null });
    if (step?.kind !== "write-resolv-conf") throw new Error("nothing is written");
    expect(planDns({ servers }, { way: "file", text: step.text })).toEqual([]);
    expect(planDns({ servers }, { way: "file", text: "nameserver 10.1.0.2\nnameserver 10.1.0.3 # second\n" })).toEqual(
      [],
    );
    expect(planDns({ servers }, { way: "file", text: "nameserver 10.1.0.3\nnameserver 10.1.0.2\n" })).toHaveLength(1);
  });

  test("are told to systemd-resolved where it answers, beside those of its other links", () => {
    const target = { servers, device: "mgmt0" };
    expect(planDns(target, { way: "resolved", servers: [] })).toMatchObject([
      { kind: "set-dns", device: "mgmt0", servers },
    ]);
    expect(planDns(target, { way: "resolved", servers: ["9.9.9.9", ...servers] })).toEqual([]);
  });

  test("are nobody's business where none are configured, or the file is a link to somebody else's", () => {
    expect(planDns(undefined, { way: "file", text: null })).toEqual([]);
    expect(planDns({ servers }, { way: "foreign", to: "/run/NetworkManager/resolv.conf" })).toEqual([]);
  });

  test("that a change wrote are taken back to the byte, also to no file at all", async () => {
    for (const text of ["; mine\nnameserver 192.168.1.1", null]) {
      const host = new FakeHost();
      host.dns = { way: "file", text };
      const before = await host.observe();
      const target = targetOf({ ...configOf(networkSettings()), dns: servers }, before);
      const back = snapshot(before, target);
      const [write] = planDns(target.dns, before.dns);
      if (write?.kind !== "write-resolv-conf") throw new Error("nothing is written");
      host.dns = { way: "file", text: write.text };
      const steps = plan(back, await host.observe()).filter(({ kind }) => kind === "write-resolv-conf");
      expect(steps).toMatchObject([{ text }]);
    }
  });

  test("of systemd-resolved are remembered too", () => {
    expect(dnsSnapshot({ way: "resolved", servers: ["9.9.9.9"] }, { servers, device: "mgmt0" })).toEqual({
      servers: ["9.9.9.9"],
      device: "mgmt0",
    });
  });
});

describe("a host with name servers", () => {
  test("has them before it stands", async () => {
    const host = new FakeHost();
    const agent = new Agent(host, { network: networkSettings(), dns: servers });
    let atStanding: unknown;
    Object.assign(agent.process.ports, {
      report: (event: { readonly event: string }) => {
        if (event.event === "stands") atStanding = host.dns;
      },
    });
    expect((await agent.pass()).state).toBe("converged");
    expect(JSON.stringify(atStanding)).toContain("nameserver 10.1.0.2");
  });

  test("stands without them where the file cannot be written, and says so", async () => {
    const host = await standingHost();
    host.reboot();
    const agent = new Agent(host, { network: networkSettings(), dns: servers });
    Object.assign(agent.process.ports.dns, { write: () => Promise.reject(new Error("EROFS")) });
    const outcome = await agent.pass();
    expect(codes(outcome)).toEqual(["E_DNS_SERVERS"]);
    expect(agent.stands).toBe(true);
  });

  test("leaves a file that is a link to somebody else's alone, and says so", async () => {
    const host = new FakeHost();
    host.dns = { way: "foreign", to: "/run/NetworkManager/resolv.conf" };
    expect(codes(await new Agent(host, { network: networkSettings(), dns: servers }).pass())).toEqual([
      "E_DNS_FOREIGN",
    ]);
    expect(host.dns.way).toBe("foreign");
  });
});
