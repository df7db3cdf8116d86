import type { Step } from "../../../agent/network/steps.ts";
import { beyondAdoption } from "../../lab/adoption.ts";
import { gatewayAddress } from "../../lab/fabric.ts";
import type { Ping } from "../../lab/ping.ts";
import type { Report } from "../boot/report.ts";
import { comesUp, lastLine } from "./datapath.ts";
import { address, cables, confirm, timing, type VmHost } from "./host.ts";

/** A host as people have it before the agent comes. */
export interface Start {
  readonly title: string;
  /** Makes the network, as the distribution's own means would have. */
  readonly script: string;
  /** What the address is on afterwards; mgmt0, where that is free. */
  readonly port?: string;
  /** The switch ports carry the management VLAN without a tag. */
  readonly untagged?: true;
}

const vlan = 100;
const reach = (device: string): string => `
ip link set dev ${device} up
ip address add ${address}/24 dev ${device}
ip route add default via ${gatewayAddress(vlan)} dev ${device}`;

export const starts: readonly Start[] = [
  {
    title: "a NIC with a kernel VLAN",
    script: `ip link set dev em1 up; ip link set dev em2 up
ip link add link em1 name em1.${vlan} type vlan id ${vlan}${reach(`em1.${vlan}`)}`,
  },
  {
    title: "a kernel bond with a VLAN, called as the export calls it",
    port: "mgmt1",
    script: `modprobe bonding max_bonds=0
ip link add bond0 type bond mode active-backup miimon 100
ip link set dev em1 down; ip link set dev em2 down
ip link set dev em1 master bond0; ip link set dev em2 master bond0; ip link set dev bond0 up
ip link add link bond0 name mgmt0 type vlan id ${vlan}${reach("mgmt0")}`,
  },
  {
    title: "a NIC without a tag",
    script: `ip link set dev em2 up${reach("em1")}`,
    untagged: true,
  },
];

/** What a move may cost: the moment between the old device's last packet and the new one's first, on a slow processor. */
const blipPackets = 50;

/** What the kernel holds is not Open vSwitch's, so the plan cannot be empty: it is the move from one to the other, and that alone. */
async function planIsTheAdoption({ machine }: VmHost, report: Report): Promise<void> {
  const devices = await machine.must("ip -br link show type vlan; ip -br link show type bond");
  const held = devices.split("\n").flatMap((line) => /^[^@\s]+/.exec(line)?.[0] ?? []);
  const plan = await machine.sh("devcloud-agent network plan --json");
  if (
    !report.check(
      "network plan says that there is something to do",
      plan.code === 3,
      plan.code === 3 ? "" : lastLine(plan),
    )
  )
    return;
  const { steps, problems } = JSON.parse(plan.stdout) as Plan;
  const hints = problems.map(({ hint }) => hint);
  const offers = hints.join() === "devcloud-agent network apply --adopt takes it over.";
  report.check("and that it is an adoption, by its only problem", offers, JSON.stringify(problems));
  const beyond = beyondAdoption(steps, vlan);
  report.check("the same addresses, routes, VLANs and MTU, and nothing else", beyond.length === 0, beyond.join("; "));
  const goes = steps.flatMap((step) => (step.kind === "remove-link" ? step.device : []));
  const all = goes.toSorted().join() === held.toSorted().join();
  report.check("in place of the kernel's VLANs and bonds", all, held.join(" ") || "none");
}

interface Plan {
  readonly steps: readonly Step[];
  readonly problems: readonly { readonly hint?: string }[];
}

/** `network import`, the plan of that, then the agent under that configuration, then the change to enforce. */
export async function adopts(
  { script, untagged, port = "mgmt0" }: Start,
  host: VmHost,
  report: Report,
  ping: Ping,
): Promise<void> {
  const { machine, lab } = host;
  if (untagged) {
    const ports = cables.flatMap((cable) => [
      "--",
      "set",
      "Port",
      cable.port,
      "vlan_mode=native-untagged",
      `tag=${vlan}`,
    ]);
    await lab.fabric.ovs.vsctl(...ports);
  }
  await machine.must(script);
  await ping.answered(50);
  await host.startOvs();
  const file = "/etc/devcloud-agent/config.d/50-host.yaml";
  const imported = await machine.sh(`devcloud-agent network import --output ${file}`);
  report.check("network import writes a configuration", imported.code === 0, lastLine(imported));
  const valid = await machine.sh("devcloud-agent check-config");
  report.check("which is valid", valid.code === 0, lastLine(valid));
  // What a host cannot know, and what its administrator decides.
  await machine.must(`sed -i 's/^\\( *\\)management: 1 .*/\\1management: ${vlan}/' ${file}`);
  await host.writeConfig({ timing, network: { confirm } }, "60-lane.yaml");
  await planIsTheAdoption(host, report);
  await host.startAgent();
  const runs = async () =>
    (await machine.sh("devcloud-agent status --json")).stdout.includes("devcloud-agent/status/v1");
  report.check("the agent runs and observes", await report.eventually(runs, 300_000));
  await ping.answered(50);
  await using move = lab.ping(address, { intervalMs: 20 });
  await move.answered(50);
  await host.writeConfig({ network: { mode: "enforce" } }, "70-enforce.yaml");
  const applied = await machine.sh("devcloud-agent network apply --adopt", 300_000);
  report.check("network apply --adopt moves the host under Open vSwitch", applied.code === 0, lastLine(applied));
  await comesUp(host, report);
  const plan = await machine.sh("devcloud-agent network verify");
  report.check("the plan is empty, and verify says that it is sound", plan.code === 0, lastLine(plan));
  const where = await machine.must(`ip -br addr | grep -w ${address} || true`);
  report.check(`${address} is on ${port} and nowhere else`, new RegExp(`^${port} [^\\n]*$`).test(where), where);
  const links = await machine.must("ip -br link show type vlan; ip -br link show type bond");
  report.check("no kernel VLAN and no kernel bond is left", links === "", links);
  await move.answered(50);
  const { lost, maxGapMs } = await move.stop();
  const cost = `${lost}, longest gap ${maxGapMs.toFixed(0)} ms`;
  report.check(`the move costs at most ${blipPackets} packets at 20 ms between them`, lost <= blipPackets, cost);
}
