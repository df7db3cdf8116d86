import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { differing } from "../../../agent/network/columns.ts";
import { describe as describeStep } from "../../../agent/network/describe.ts";
import { targetOf } from "../../../agent/network/desired.ts";
import { anyCarrier, faults } from "../../../agent/network/faults.ts";
import { ipBatch } from "../../../agent/network/ip-batch.ts";
import { plan } from "../../../agent/network/plan.ts";
import { describeProbe, probeTargets } from "../../../agent/network/probes.ts";
import { rescueScript } from "../../../agent/network/rescue.ts";
import { standInAddresses } from "../../../agent/network/rescue-vlan.ts";
import { type Pending, situationOf } from "../../../agent/network/state.ts";
import { isOvsStep } from "../../../agent/network/steps.ts";
import type { Target } from "../../../agent/network/target.ts";
import { compile } from "../../../agent/network/transaction.ts";
import { activeMember } from "../../../agent/network/uplinks/failover.ts";
import { FakeHost } from "../../fakes/host.ts";
import { configOf, emptyTarget, networkSettings } from "../../fakes/settings.ts";
import { standingHost } from "./capability.ts";

describe("columns", () => {
  const row = { tag: [100], trunks: [1, 2], name: "p", other_config: { a: "1", theirs: "x" } };

  test("that are not named are not looked at, sets have no order, and of maps only named keys count", () => {
    expect(differing("port p", row, { trunks: [2, 1], other_config: { a: "1" } }).drift).toEqual([]);
  });

  test("that differ are told one by one, with what is there and what has to be", () => {
    const { columns, drift } = differing("port p", row, { tag: [], trunks: [1, 3], other_config: { a: null, b: "2" } });
    expect(columns).toEqual({ tag: [], trunks: [1, 3], other_config: { a: null, b: "2" } });
    expect(drift.map(({ field, current, desired }) => [field, current, desired])).toEqual([
      ["tag", [100], []],
      ["trunks", [1, 2], [1, 3]],
      ["other_config:a", "1", null],
      ["other_config:b", null, "2"],
    ]);
  });
});

describe("lines for ip", () => {
  test("are exact: protocol and metric of our own, and no waiting for duplicate addresses of IPv6", () => {
    const reason = { why: "", risk: "none" } as const;
    expect(
      ipBatch([
        { kind: "link-up", device: "em1", ...reason },
        { kind: "add-address", device: "mgmt0", address: "10.1.0.17/24", ...reason },
        { kind: "add-address", device: "mgmt0", address: "fd00::17/64", ...reason },
        { kind: "remove-address", device: "mgmt0", address: "10.1.0.18/24", ...reason },
        { kind: "add-route", to: "default", via: "10.1.0.1", device: "mgmt0", ...reason },
        { kind: "remove-route", to: "10.9.0.0/16", via: "10.1.0.9", device: "mgmt0", ...reason },
      ]),
    ).toEqual([
      "link set dev em1 up",
      "address replace 10.1.0.17/24 dev mgmt0",
      "address replace fd00::17/64 dev mgmt0 nodad",
      "address del 10.1.0.18/24 dev mgmt0",
      "route add default via 10.1.0.1 dev mgmt0 proto 220 metric 90",
      "route del 10.9.0.0/16 via 10.1.0.9 dev mgmt0 proto 220",
    ]);
  });
});

describe("the situation after a start", () => {
  const config = configOf(networkSettings());
  const pending: Pending = {
    id: "1",
    config,
    confirm: config.network.confirm,
    probes: [],
    changes: [],
    preImage: emptyTarget,
    bootId: "this",
    deadline: 1,
    startedAt: "",
  };
  const lastGood = { config, confirmedAt: "" };

  test.each([
    ["nothing is known", {}, "first"],
    ["a network was proven", { lastGood }, "settled"],
    ["a change of this boot waits", { lastGood, pending }, "resume"],
    ["a change of another boot waits", { lastGood, pending: { ...pending, bootId: "other" } }, "interrupted"],
    ["a rollback of this boot was begun", { lastGood, rollingBack: pending }, "finish-rollback"],
    ["a rollback of another boot was begun", { lastGood, rollingBack: { ...pending, bootId: "other" } }, "interrupted"],
    ["a confirmation was begun, in whichever boot", { confirmed: { ...pending, bootId: "other" } }, "finish-confirm"],
    ["a confirmation was begun beside all else", { lastGood, pending, confirmed: pending }, "finish-confirm"],
  ] as const)("when %s", (_when, files, kind) => {
    expect(situationOf(files, "this").kind).toBe(kind);
  });
});

describe("the transaction", () => {
  const operationsOn = async (host: FakeHost, change: Parameters<typeof networkSettings>[0]) => {
    const observed = await host.observe();
    const target = targetOf(configOf(networkSettings(change), 2), observed);
    return compile(plan(target, observed).filter(isOvsStep), observed.ovs, "the_lock").operations;
  };

  test("asserts the lock first, and guards what it changes with what was observed", async () => {
    const host = await standingHost();
    const operations = await operationsOn(host, { vlans: { management: 101, storage: 105, developers: 110 } });
    expect(operations[0]).toEqual({ op: "assert", lock: "the_lock" });
    const tags = operations.filter((operation) => JSON.stringify(operation).includes('"tag"'));
    expect(tags).toMatchObject([
      { op: "wait", timeout: 0, until: "==", rows: [{ tag: ["set", [100]] }] },
      { op: "update", row: { tag: ["set", [101]] } },
    ]);
  });

  test("never replaces a map, and sets or deletes keys instead", async () => {
    const host = await standingHost();
    const operations = await operationsOn(host, {
      bond: { ...networkSettings().bond, primary: "em1" },
      addresses: {},
    });
    const maps = operations.filter((operation) => /"(other_config|external_ids)"/.test(JSON.stringify(operation)));
    expect(maps.length).toBeGreaterThan(0);
    expect(maps.every((operation) => JSON.stringify(operation).startsWith('{"op":"mutate"'))).toBe(true);
  });

  test("waits for nothing: every guard has the time-out 0", async () => {
    const operations = await operationsOn(new FakeHost(), {});
    const waits = operations.filter((operation) => JSON.stringify(operation).startsWith('{"op":"wait"'));
    expect(waits.length).toBeGreaterThan(0);
    expect(waits.every((operation) => JSON.stringify(operation).includes('"timeout":0'))).toBe(true);
  });

  test("fails as a whole when somebody else has changed what it was planned from", async () => {
    const host = await standingHost();
    const observed = await host.observe();
    const target = targetOf(configOf(networkSettings({ bridge: "br-other" }), 2), observed);
    const tx = compile(plan(target, observed).filter(isOvsStep), observed.ovs, "lock");
    const foreign = host.database.insert("Bridge", { name: "br-int" });
    host.database.set("Open_vSwitch", host.database.root._uuid, {
      bridges: [...host.database.root.bridges, foreign],
    });
    const before = host.database.observe();
    expect(() => host.database.execute(tx)).toThrow(/guard/);
    expect(host.database.observe()).toEqual(before);
  });
});

describe("faults", () => {
  const network = networkSettings();

  test("are none on a host that works", async () => {
    const host = await standingHost();
    const observed = await host.observe();
    expect(faults(targetOf(configOf(network), observed), observed)).toEqual([]);
  });

  test("are an interface that could not be opened, one without an OpenFlow port, a bridge without a datapath", async () => {
    const host = await standingHost();
    host.kernel.remove("em2");
    host.refresh();
    const { bridges, interfaces } = host.database.observe();
    for (const row of bridges)
      if (row.name === "br-uplink") host.database.set("Bridge", row._uuid, { datapath_id: [] });
    // What a failed datapath leaves: cur_cfg goes on, and there is neither a port nor an error.
    for (const row of interfaces) if (row.name === "em1") host.database.set("Interface", row._uuid, { ofport: [] });
    const observed = await host.observe();
    const found = faults(targetOf(configOf(network), observed), observed);
    expect(found.map(({ code, message }) => `${code} ${message}`)).toEqual([
      "E_OVS_NO_DATAPATH Open vSwitch could not create the datapath of bridge br-uplink",
      "E_OVS_INTERFACE Open vSwitch does not use interface em1: it has no OpenFlow port",
      "E_OVS_INTERFACE Open vSwitch does not use interface em2: could not open network device em2 (No such device)",
    ]);
  });

  test("carrier is what Open vSwitch sees of a member", async () => {
    const host = await standingHost();
    expect(anyCarrier(["em1", "em2"], await host.observe())).toBe(true);
    host.kernel.change("em1", { carrier: false });
    host.refresh();
    expect(anyCarrier(["em1"], await host.observe())).toBe(false);
    expect(anyCarrier([], await host.observe())).toBe(false);
  });
});

describe("the active member", () => {
  test("is the one with the MAC that the bond names, if it has link", async () => {
    const host = await standingHost();
    expect(activeMember(host.database.observe(), "bond0")).toBe("em1");
    host.kernel.change("em1", { carrier: false });
    host.refresh();
    expect(activeMember(host.database.observe(), "bond0")).toBe("em2");
  });

  test("is nobody when all links are down, or when the bond names a MAC that it kept from before", async () => {
    const host = await standingHost();
    for (const nic of ["em1", "em2"]) host.kernel.change(nic, { carrier: false });
    host.refresh();
    expect(activeMember(host.database.observe(), "bond0")).toBeUndefined();
    const [bond] = host.database.observe().ports.filter(({ name }) => name === "bond0");
    if (bond !== undefined) host.database.set("Port", bond._uuid, { bond_active_slave: ["02:00:00:00:00:01"] });
    expect(activeMember(host.database.observe(), "bond0")).toBeUndefined();
    expect(activeMember(host.database.observe(), "bond9")).toBeUndefined();
  });
});

describe("the rescue script", () => {
  const uplink = ["em1", "em2"].map((name) => ({ name, columns: {} }));
  const ports = [
    { name: "bond0", columns: { bond_mode: ["active-backup"], vlan_mode: ["trunk"] }, interfaces: uplink },
    { name: "mgmt0", columns: { tag: [100] }, interfaces: [{ name: "mgmt0", columns: { type: "internal" } }] },
  ];
  const attached = 'case "$*" in "link show dev em2") echo "<UP,LOWER_UP> mtu 1500 master ovs-system state UP" ;; esac';
  const target: Target = {
    ...emptyTarget,
    bridges: [{ name: "br-uplink", columns: {}, ports }],
    links: ["em1", "em2", "mgmt0"],
    addresses: [
      { device: "mgmt0", address: "10.1.0.17/24" },
      { device: "mgmt0", address: "fd00::17/64" },
    ],
    routes: [
      { to: "default", via: "10.1.0.1", device: "mgmt0" },
      { to: "10.9.0.0/16", via: "10.1.0.9", device: "mgmt0" },
    ],
  };

  /** Runs it with an `ip` that writes down what it is asked; returns that, and what the script left as ledger. */
  function run(script: string, ip = attached, ping = "exit 0"): { calls: string[]; code: number; ledger: string } {
    const folder = mkdtempSync(join(tmpdir(), "rescue-"));
    try {
      const fake = `#!/bin/sh\necho "$*" >>'${folder}/calls'\n${ip}\n`;
      writeFileSync(join(folder, "ip"), fake, { mode: 0o755 });
      writeFileSync(join(folder, "ping"), `#!/bin/sh\ncd '${folder}'\n${ping}\n`, { mode: 0o755 });
      writeFileSync(join(folder, "sleep"), "#!/bin/sh\n", { mode: 0o755 });
      writeFileSync(join(folder, "rescue.sh"), script.replaceAll("LEDGER", join(folder, "state/ledger.json")));
      const env = { PATH: `${folder}:/usr/bin:/bin` };
      const code = (() => {
        try {
          execFileSync("/bin/sh", [join(folder, "rescue.sh")], { env, stdio: "pipe" });
          return 0;
        } catch (error) {
          return error instanceof Error && "status" in error ? Number(error.status) : -1;
        }
      })();
      const calls = readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
      return { calls, code, ledger: readFileSync(join(folder, "state/ledger.json"), "utf8") };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test.each(["/bin/sh", "/bin/bash"])("is a script that %s understands, also for a host without addresses", (shell) => {
    for (const each of [target, emptyTarget]) {
      execFileSync(shell, ["-n"], { input: rescueScript(each, "/var/lib/it's here/ledger.json", "it's {}") });
    }
  });

  test("brings up the NICs and then ports, addresses and routes, and leaves the ledger for the agent", () => {
    const { calls, code, ledger } = run(rescueScript(target, "LEDGER", `{"data":"it's"}`));
    expect(code).toBe(0);
    expect(calls).toEqual([
      "link set dev em1 up",
      "link set dev em2 up",
      "link set dev mgmt0 up",
      "link show dev mgmt0",
      "link set dev mgmt0 up",
      "address replace 10.1.0.17/24 dev mgmt0",
      "address replace fd00::17/64 dev mgmt0 nodad",
      "route replace default via 10.1.0.1 dev mgmt0 proto 220 metric 90",
      "route replace 10.9.0.0/16 via 10.1.0.9 dev mgmt0 proto 220 metric 90",
      "link show dev em1",
      "link show dev em2",
    ]);
    expect(ledger).toBe(`{"data":"it's"}`);
  });

  test("puts the addresses on a kernel VLAN of the NIC that reaches the gateway where Open vSwitch makes no port", () => {
    const ip = 'case "$*" in "link show dev mgmt0") exit 1 ;; "link show dev em"*) echo LOWER_UP ;; esac';
    // The first NIC's gateway is silent.
    const ping = "[ -e asked ] || { touch asked; exit 1; }; [ -e again ] || { touch again; exit 1; }";
    const { calls, code, ledger } = run(rescueScript(target, "LEDGER", "ours"), ip, ping);
    expect(code).toBe(0);
    expect(calls.filter((call) => call.includes(" add "))).toEqual([
      "link add link em1 name dc-vlan100 type vlan id 100",
      "link add link em2 name dc-vlan100 type vlan id 100",
    ]);
    expect(calls.slice(calls.indexOf("link add link em2 name dc-vlan100 type vlan id 100") + 1)).toEqual([
      "link set dev dc-vlan100 up",
      "address replace 10.1.0.17/24 dev dc-vlan100",
      "address replace fd00::17/64 dev dc-vlan100 nodad",
      "route replace default via 10.1.0.1 dev dc-vlan100 proto 220 metric 90",
      "route replace 10.9.0.0/16 via 10.1.0.9 dev dc-vlan100 proto 220 metric 90",
    ]);
    expect(ledger).toBe("ours");
    expect(standInAddresses(target)).toEqual(
      target.addresses.map(({ address }) => ({ device: "dc-vlan100", address })),
    );
  });

  test("makes one kernel VLAN for two ports on it, as the kernel refuses a second", () => {
    const port = (name: string) => ({ name, columns: { tag: [100] }, interfaces: [{ name, columns: {} }] });
    const dead: Target = {
      ...target,
      bridges: [{ name: "br-uplink", columns: {}, ports: [...ports, port("api0")] }],
      addresses: [...target.addresses, { device: "api0", address: "10.1.0.18/24" }],
    };
    const ip = `case "$*" in
"link show dev em1") echo LOWER_UP ;;
"link show"*) exit 1 ;;
"link add"*) [ "$(grep -c 'link add' "\${0%/*}/calls")" = 1 ] || exit 2 ;;
esac`;
    const { calls, code } = run(rescueScript(dead, "LEDGER", "ours"), ip);
    expect(code).toBe(0);
    expect(calls).toContain("address replace 10.1.0.18/24 dev dc-vlan100");
  });

  test("goes on after a line that fails, and says with its exit code that one did", () => {
    const { calls, code } = run(
      rescueScript(target, "LEDGER", "{}"),
      `case "$*" in address*10.1*) exit 2 ;; esac\n${attached}`,
    );
    expect(code).toBe(1);
    expect(calls).toHaveLength(11);
  });

  test.each([
    { addresses: [{ device: "mgmt0; reboot", address: "10.1.0.17/24" }] },
    { addresses: [{ device: "mgmt0", address: "10.1.0.17/24 $(reboot)" }] },
    { links: ["em1\nreboot"] },
    { routes: [{ to: "default", via: "`reboot`", device: "mgmt0" }] },
    { routes: [{ to: "10.0.0.0/8'", via: "10.1.0.1", device: "mgmt0" }] },
  ])("is not written with what has no place in a shell: %j", (bad) => {
    expect(() => rescueScript({ ...target, ...bad }, "LEDGER", "{}")).toThrow(TypeError);
  });
});

describe("for people", () => {
  test("each step is a line that says what comes, goes or changes", async () => {
    const host = new FakeHost();
    const observed = await host.observe();
    const steps = plan(targetOf(configOf(networkSettings()), observed), observed);
    const lines = steps.map((step) => describeStep(step)).map(({ sign, text }) => `${sign} ${text}`);
    expect(lines).toEqual(
      expect.arrayContaining([
        "+ bridge br-uplink",
        "+ port bond0 of em1 and em2 on br-uplink trunking 100, 105, 110",
        "+ port mgmt0 on br-uplink on VLAN 100",
        "+ OVSDB manager ptcp:6640:127.0.0.1",
        "+ address 10.1.0.17/24 on mgmt0",
        "+ route default via 10.1.0.1 on mgmt0",
      ]),
    );
  });

  test("a probe that failed says why", () => {
    const [gateway] = probeTargets(networkSettings());
    if (gateway === undefined) throw new Error("there is no probe");
    expect(describeProbe({ target: gateway, ok: true })).toBe("gateway 10.1.0.1 answers");
    const target = { kind: "tcp", host: "10.1.0.5", port: 22 } as const;
    expect(describeProbe({ target, ok: false, detail: "refused" })).toBe("tcp 10.1.0.5:22 does not answer (refused)");
  });
});
