import { stringify } from "yaml";
import { parseFragments } from "../../../agent/config/load.ts";
import { managementOf } from "../../../kickstart/network-line.ts";
import { rescueScript } from "../../../kickstart/rescue.ts";
import { gatewayAddress } from "../../lab/fabric.ts";
import type { Ping } from "../../lab/ping.ts";
import type { Report } from "../boot/report.ts";
import { comesUp, lastLine } from "./datapath.ts";
import { address, cables, type VmHost, vmConfig } from "./host.ts";

const [em1, em2] = cables;
/** What the way back may cost: the gateway has to learn that the address has another MAC address now. */
const blipPackets = 200;

const program = "/usr/libexec/devcloud-agent/rescue";

/** What kickstart writes to /etc/devcloud-agent/rescue.sh for this host. */
export function kickstartRescue(): string {
  const nics = { em1: { mac: em1.mac, fabric: "A" }, em2: { mac: em2.mac, pci: null, fabric: "B" } };
  const loaded = parseFragments([{ file: "kickstart.yaml", rank: 2, text: stringify(vmConfig({ nics })) }]);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded));
  const { network } = loaded.settings;
  const management = network && managementOf(network);
  if (network === undefined || management === undefined) throw new Error("The configuration has no management address");
  return rescueScript(network, management);
}

/** A reboot after which Open vSwitch stays dead, on a host whose first NIC has carrier and reaches nobody. */
export async function rescuedWithoutOpenVswitch(host: VmHost, report: Report, ping: Ping): Promise<void> {
  await host.lab.fabric.cut(em1.port, { loseCarrier: false });
  await host.powerCycle();
  report.check(`${address} is gone`, !(await host.answers()));
  await rescues(host, report, ping);
}

/** A first boot on which Open vSwitch stays dead and the agent's program does not run: kickstart's script is all there is. */
export async function rescuedOnFirstBoot(host: VmHost, report: Report, ping: Ping): Promise<void> {
  await host.lab.fabric.cut(em1.port, { loseCarrier: false });
  await host.machine.must("mv /usr/bin/node /usr/bin/node.removed");
  await rescues(host, report, ping);
  await host.machine.must("mv /usr/bin/node.removed /usr/bin/node");
}

/** The same reboot with an agent that runs: it climbs down by itself. */
export async function climbsDown(host: VmHost, report: Report, ping: Ping): Promise<void> {
  await host.lab.fabric.cut(em1.port, { loseCarrier: false });
  // Half of it is what Open vSwitch is given.
  await host.writeConfig({ timing: { boot_budget: "60s", ovsdb_timeout: "5s" } }, "60-lane.yaml");
  await host.powerCycle();
  await host.startAgent();
  await comesUp(host, report);
  await standsOnVlan(host, report, ping);
  const { stdout } = await host.machine.sh("devcloud-agent status --json");
  report.check("status names the rung", stdout.includes('"name":"kernel-vlan"'));
}

async function rescues(host: VmHost, report: Report, ping: Ping): Promise<void> {
  const done = await host.machine.sh(program, 300_000);
  report.check("the rescue says that it is done", done.code === 0, lastLine(done));
  await standsOnVlan(host, report, ping);
}

async function standsOnVlan({ machine, lab }: VmHost, report: Report, ping: Ping): Promise<void> {
  const device = (await machine.must(`ip -br addr | grep -w ${address} | cut -d ' ' -f 1`)).trim();
  report.check(`${address} is on a kernel VLAN of em2`, device.endsWith("@em2"), device);
  const link = await machine.must(`ip -d link show dev "${device.split("@")[0]}"`);
  report.check("which has the tag 100", /vlan protocol 802\.1Q id 100\b/.test(link));
  const answers = await report.eventually(() => lab.reach(address), 10_000);
  report.check(`${address} answers the gateway`, answers);
  if (answers) await ping.answered(50);
  const routes = await machine.must("ip route show default");
  report.check("the default route leads to the gateway", routes.includes(`via ${gatewayAddress(100)}`), routes);
}

/** Open vSwitch is back, and with it the agent: the address goes under the bridge again, and the spare VLAN goes away. */
export async function climbsBack(host: VmHost, report: Report, ping: Ping): Promise<void> {
  const { machine, lab } = host;
  await lab.fabric.mend(em1.port);
  await host.startOvs();
  await host.startAgent();
  await comesUp(host, report);
  const verified = async () => (await machine.sh("devcloud-agent network verify")).code === 0;
  report.check("network verify says that it is sound", await report.eventually(verified, 300_000));
  const addressed = async () => await machine.must(`ip -br addr | grep -w ${address} || true`);
  const alone = async () => /^mgmt0 [^\n]*$/.test(await addressed());
  report.check(`${address} is on mgmt0 and nowhere else`, await report.eventually(alone, 180_000), await addressed());
  const left = await machine.must("ip -br link show type vlan");
  report.check("no kernel VLAN is left", left === "", left);
  await ping.answered(50);
  const { lost } = await ping.stop();
  report.check(`at most ${blipPackets} packets are lost`, lost <= blipPackets, `${lost}`);
}
