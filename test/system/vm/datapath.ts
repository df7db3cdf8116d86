import type { Ping } from "../../lab/ping.ts";
import type { Report } from "../boot/report.ts";
import { address, cables, type VmHost } from "./host.ts";

/** Packets that a failover may cost at 20 ms between them; the facts measured 0 to 2 at 10 ms on the userspace datapath. */
const fewPackets = 10;

/** Bond, VLANs and the address on the kernel's own datapath. */
export async function bringsUp(host: VmHost, report: Report, ping: Ping): Promise<void> {
  const { machine } = host;
  await host.startOvs();
  await host.startAgent();
  await comesUp(host, report);
  await ping.answered(50);
  const verify = await machine.sh("devcloud-agent network verify");
  report.check("network verify says that it is sound", verify.code === 0, lastLine(verify));
  const shown = await machine.must("ovs-appctl dpctl/show");
  report.check("ovs-appctl dpctl/show names system@ovs-system", shown.includes("system@ovs-system"));
  const ports = ["em1", "em2", "mgmt0"].filter((port) => new RegExp(`port \\d+: ${port}\\b`).test(shown));
  report.check("with em1, em2 and mgmt0 as its ports", ports.length === 3, ports.join(" "));
  const release = await machine.must("uname -r; grep -c ^openvswitch /proc/modules");
  report.check("the module is the kernel's", release.endsWith("1"), release.replace("\n", ", openvswitch "));
  const flows = await machine.must("ovs-appctl dpctl/dump-flows");
  report.check(
    "the kernel's flows put the VLAN tag on and take it off",
    /push_vlan/.test(flows) && /pop_vlan/.test(flows),
  );
}

/** Waits for READY's flag and for the address. */
export async function comesUp(host: VmHost, report: Report): Promise<void> {
  const stands = async () => (await host.machine.sh("test -e /run/devcloud-agent/net-ready")).code === 0;
  report.check("the network stands", await report.eventually(stands, 600_000));
  report.check(`${address} answers the gateway`, await report.eventually(() => host.answers(), 180_000));
}

/** The NIC that carries the traffic loses its cable, and gets it back. */
export async function failsOver(host: VmHost, report: Report, ping: Ping): Promise<void> {
  const { machine } = host;
  await ping.answered(50);
  const before = await activeNic(host);
  const other = cables.map(({ nic }) => nic).find((nic) => nic !== before) ?? "";
  await machine.setLink(before, false);
  const moved = await report.eventually(async () => (await activeNic(host)) === other, 30_000);
  report.check(`${before} unplugged through QMP: the bond moves to ${other}`, moved);
  const event = await report.eventually(async () => await told(host, before, other), 30_000);
  report.check(
    "the agent tells of a failover, cause carrier",
    event,
    event ? "" : await machine.must("cat /var/log/agent.log"),
  );
  await ping.answered(50);
  await machine.setLink(before, true);
  const enabled = async () => (await machine.must("ovs-appctl bond/show bond0")).match(/: enabled$/gm)?.length === 2;
  report.check(`${before} plugged in: both members are enabled again`, await report.eventually(enabled, 60_000));
  await ping.answered(50);
  const { lost } = await ping.stop();
  report.check(`at most ${fewPackets} packets are lost`, lost <= fewPackets, `${lost}`);
}

async function activeNic({ machine }: VmHost): Promise<string> {
  const shown = await machine.must("ovs-appctl bond/show bond0");
  return /active member mac: [^(]*\((.+)\)/.exec(shown)?.[1] ?? "none";
}

async function told({ machine }: VmHost, from: string, to: string): Promise<boolean> {
  const lines = (await machine.must("grep failover /var/log/agent.log || true")).split("\n");
  const said = [`"from":"${from}"`, `"to":"${to}"`, '"cause":"carrier"'];
  return lines.some((line) => said.every((part) => line.includes(part)));
}

/** The last line of what a command said, for a report. */
export function lastLine({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): string {
  return `${stdout}\n${stderr}`.trim().split("\n").at(-1) ?? "";
}
