import { setTimeout as delay } from "node:timers/promises";
import type { Subject } from "../subject.ts";
import { lasting, type NetworkFault, nothing } from "./fault.ts";

/** What another program, or a person in a hurry, does to what is ours: words for ovs-vsctl. */
const rows: Readonly<Record<string, readonly string[]>> = {
  "tag of the management port": ["set", "Port", "mgmt0", "tag=999"],
  "tag taken away": ["clear", "Port", "mgmt0", "tag"],
  "trunks of the bond": ["set", "Port", "bond0", "trunks=999"],
  "trunks taken away": ["clear", "Port", "bond0", "trunks"],
  "mode of the bond": ["set", "Port", "bond0", "bond_mode=balance-slb"],
  "a member taken out": ["del-bond-iface", "bond0", "em1"],
  "management port deleted": ["del-port", "mgmt0"],
  "bond deleted": ["del-port", "bond0"],
  "bridge deleted": ["del-br", "br-uplink"],
  "bridge secure": ["set-fail-mode", "br-uplink", "secure"],
  "controller set": ["set-controller", "br-uplink", "tcp:127.0.0.1:6633"],
  "patch port deleted": ["del-port", "to-br-ex"],
  "labels of ours removed": ["clear", "Port", "mgmt0", "external_ids"],
};

/** The same for `ip`. */
const links: Readonly<Record<string, (subject: Subject) => readonly string[]>> = {
  "address removed": ({ host }) => ["address", "del", `${host.address}/24`, "dev", "mgmt0"],
  "addresses flushed": () => ["address", "flush", "dev", "mgmt0"],
  "default route removed": () => ["route", "del", "default"],
  "management port down": () => ["link", "set", "mgmt0", "down"],
  "NIC down": () => ["link", "set", "em1", "down"],
  "both NICs down": () => ["link", "set", "up", "dev", "lo"],
  "MTU set": () => ["link", "set", "mgmt0", "mtu", "1280"],
};

async function strike(subject: Subject, form: string): Promise<void> {
  const row = rows[form];
  if (row !== undefined) {
    await subject.host.vsctl("--no-wait", "--", ...row);
    return;
  }
  if (form === "both NICs down") {
    for (const nic of ["em1", "em2"]) await subject.host.exec(["ip", "link", "set", nic, "down"]);
    return;
  }
  const words = links[form];
  if (words !== undefined) await subject.host.exec(["ip", ...words(subject)]);
}

/** Somebody else changes our rows, addresses, routes or links: the agent puts back what is ours. */
export const foreignHand: NetworkFault = {
  name: "foreign hand",
  kind: "foreign",
  asks: "nothing",
  share: 24,
  aim: (random) => ({ form: random.pick([...Object.keys(rows), ...Object.keys(links)]), delayMs: 0 }),
  silences: ({ timing }) => timing.driftIntervalMs + timing.backoffMaxMs,
  breaks: true,
  play: async (subject, _, { form = "" }) => await strike(subject, form),
  without: nothing,
};

/** Another bridge takes a NIC of ours for itself, and gives it back later: the other leg carries meanwhile. */
export const thief: NetworkFault = {
  name: "NIC stolen by another bridge",
  kind: "foreign",
  asks: "nothing",
  share: 4,
  aim: (random) => ({ form: random.pick(["em1", "em2"]), delayMs: 0, lasts: random.between(5, 50) / 100 }),
  silences: lasting,
  breaks: true,
  play: async (subject, _, aim) => {
    const taken = ["--id=@i", "get", "Interface", aim.form ?? "em1"];
    const port = ["--id=@p", "create", "Port", "name=thief", "interfaces=@i"];
    const bridge = ["--may-exist", "add-br", "br-thief", "--", "set", "Bridge", "br-thief", "datapath_type=netdev"];
    await subject.host.vsctl("--no-wait", "--", ...bridge);
    await subject.host.vsctl(
      "--no-wait",
      "--",
      ...taken,
      "--",
      ...port,
      "--",
      "add",
      "Bridge",
      "br-thief",
      "ports",
      "@p",
    );
    await delay(lasting(subject.pace, aim));
    await subject.host.vsctl("--no-wait", "--", "--if-exists", "del-br", "br-thief");
  },
  without: nothing,
};
