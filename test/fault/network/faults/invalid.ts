import { setTimeout as delay } from "node:timers/promises";
import type { Subject } from "../subject.ts";
import { type NetworkFault, nothing } from "./fault.ts";

/** What a tired or an evil person writes, as the text of a fragment. None of it is a configuration. */
const texts: Readonly<Record<string, string>> = {
  "unknown key": "version: 1\nnetwork: { bonds: { name: bond0 } }\n",
  "bad address": "version: 1\nnetwork: { addresses: { mgmt0: { ipv4: [10.1.0.256/24] } } }\n",
  "broken YAML": "version: 1\nnetwork: { mode: [enforce\n",
  "VLAN 4095": "version: 1\nnetwork: { vlans: { management: 4095 } }\n",
  "one member": "version: 1\nnetwork: { bond: { members: [em1] } }\n",
  "deleted network": "version: 1\nnetwork: { nics: null, bond: null }\n",
  "no text at all": "",
  bytes: "\u0000\u0001\ufffd".repeat(500),
  huge: `version: 1\n# ${"x".repeat(3 << 20)}\n`,
};

/** Fragments that lead elsewhere. */
const links: Readonly<Record<string, string>> = {
  "link to itself": "60-fault.yaml",
  "link to nothing": "/nowhere/60-fault.yaml",
  "link to a device": "/dev/zero",
  "link to a folder": "/etc",
};

async function put(subject: Subject, form: string): Promise<void> {
  const link = links[form];
  if (link === undefined) await subject.fragment(texts[form] ?? "");
  else await subject.linkFragment(link);
}

/** An invalid configuration is offered to the running agent: it says so, and nothing whatever changes. */
export const invalidLive: NetworkFault = {
  name: "invalid configuration",
  kind: "invalid",
  asks: "nothing",
  share: 12,
  aim: (random) => ({
    form: random.pick([...Object.keys(texts), ...Object.keys(links)]),
    delayMs: random.between(0, 300),
  }),
  play: async (subject, _, { form = "", delayMs }) => {
    const refused = subject.told(/E_CONFIG|E_YAML/);
    await put(subject, form);
    subject.reload();
    await refused;
    await delay(delayMs);
    subject.unchanged();
    await subject.removeFragment();
    subject.reload();
  },
  without: nothing,
};

/** The agent is killed and started again with an invalid configuration: the last good network stands. */
export const invalidAtStart: NetworkFault = {
  name: "invalid configuration at a start",
  kind: "invalid",
  asks: "nothing",
  share: 4,
  aim: (random) => ({ form: random.pick([...Object.keys(texts), ...Object.keys(links)]), delayMs: 0 }),
  play: async (subject, _, { form = "" }) => {
    await put(subject, form);
    await subject.kill();
    await subject.restart();
    await subject.told(/E_CONFIG|E_YAML/, 0);
    await subject.standing();
    subject.unchanged();
    await subject.removeFragment();
    subject.reload();
  },
  without: nothing,
};
