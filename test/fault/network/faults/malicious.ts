import type { ConfigMap } from "../../../lab/config.ts";
import type { Pace } from "../pace.ts";
import type { Subject } from "../subject.ts";
import { prunedVlan } from "../wanted.ts";
import { type NetworkFault, nothing } from "./fault.ts";

/** The part of the deadline that such a change gets of its own, so that it is taken back soon. */
const SHARE = 0.4;

interface Evil {
  readonly network: (subject: Subject) => ConfigMap;
  /** Nothing of it is between the gateway and the host, so that it may be kept. */
  readonly harmless?: true;
}

function address(subject: Subject, last: number): string {
  return subject.host.address.replace(/\d+$/, String(last));
}

/** Valid configurations that are wrong for this host. */
const evils: Readonly<Record<string, Evil>> = {
  "pruned VLAN": { network: () => ({ vlans: { management: prunedVlan } }) },
  "wrong VLAN tag": { network: () => ({ vlans: { management: 3333 } }) },
  "VLAN of somebody else": { network: () => ({ vlans: { management: 110, developers: 100 } }) },
  "wrong gateway": { network: (subject) => ({ addresses: { mgmt0: { gateway: address(subject, 199) } } }) },
  "gateway of another net": {
    network: () => ({ addresses: { mgmt0: { ipv4: ["10.1.77.77/24"], gateway: "10.1.77.1" } } }),
  },
  "a member that is not there": {
    network: () => ({ nics: { em9: { fabric: "B" } }, bond: { members: ["em1", "em9"] } }),
  },
  "no member that is there": {
    network: () => ({ nics: { em8: { fabric: "A" }, em9: { fabric: "B" } }, bond: { members: ["em8", "em9"] } }),
  },
  "somebody else's MAC": { network: () => ({ nics: { em2: { mac: "02:de:ad:be:ef:01" } } }), harmless: true },
  "MTU above the wire's": {
    network: () => ({ bond: { mtu: 9500 }, addresses: { mgmt0: { mtu: 9500 } } }),
    harmless: true,
  },
  "least MTU": { network: () => ({ addresses: { mgmt0: { mtu: 576 } } }), harmless: true },
  "the gateway's own address": {
    network: () => ({ addresses: { mgmt0: { ipv4: ["10.1.0.1/24"], gateway: "10.1.0.2" } } }),
  },
  "a probe that nobody answers": { network: (subject) => ({ probes: [`tcp:${address(subject, 1)}:9`] }) },
  "the bridge by another name": { network: () => ({ bridge: "br-other", vlans: { management: prunedVlan } }) },
  "the port by another name": {
    network: (subject) => ({
      addresses: {
        mgmt0: null,
        mgmt9: { vlan: "management", ipv4: [`${address(subject, 88)}/24`], gateway: "10.1.0.99" },
      },
    }),
  },
};

/** A valid configuration that cuts the host off is offered: refused, or taken back within its deadline. */
export const malicious: NetworkFault = {
  name: "malicious configuration",
  kind: "malicious",
  asks: "nothing",
  share: 24,
  aim: (random) => ({ form: random.pick(Object.keys(evils)), delayMs: 0 }),
  silences: (pace) => allowed(pace),
  breaks: true,
  play: async (subject, _, { form = "" }) => {
    const evil = evils[form];
    if (evil === undefined) throw new Error(`There is no ${form}`);
    const ended = subject.verdict();
    await subject.fragment({
      version: 1,
      network: { ...evil.network(subject), confirm: { deadline: `${allowed(subject.pace) + subject.round}ms` } },
    });
    subject.reload();
    const verdict = await ended;
    await subject.removeFragment();
    const again = verdict === "confirmed" ? subject.verdict() : undefined;
    subject.reload();
    await again;
    if (verdict === "confirmed" && evil.harmless !== true) throw new Error(`${form}: this configuration was kept`);
  },
  without: nothing,
};

function allowed({ confirmDeadlineMs }: Pace): number {
  return Math.round(confirmDeadlineMs * SHARE);
}
