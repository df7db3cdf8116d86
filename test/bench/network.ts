import type { Host } from "../lab/host.ts";
import { createLab } from "../lab/lab.ts";
import type { Bench } from "./figure.ts";

/** The issue's: a quarter of what one ovs-vsctl takes. */
const GOAL = 0.25;

/** How fast a host gets its network, beside one ovs-vsctl and one ip that do the same. */
export const network: Bench = {
  name: "network",
  about:
    "first configuration until verified, and convergence with nothing to do, against one ovs-vsctl that does the same",
  rounds: 15,
  async run(rounds, tick) {
    await using lab = await createLab();
    const { host } = lab;
    const fresh: Ours[] = [];
    const open: Ours[] = [];
    const peer: Peer[] = [];
    const again: Peer[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await bare(host);
      fresh.push(await converge(host));
      await bare(host);
      open.push(await converge(host, "open"));
      await bare(host);
      peer.push(await byHand(host));
      again.push(await byHand(host));
      tick();
    }
    const unit = "ms";
    const both = { unit, peer: "ovs-vsctl and ip", theirs: peer.map(({ ms }) => ms) } as const;
    return [
      { figure: "first configuration until verified", ...both, goal: GOAL, ours: open.map(({ firstMs }) => firstMs) },
      { figure: "the same, with connecting", ...both, goal: GOAL, ours: fresh.map(({ firstMs }) => firstMs) },
      {
        figure: "Open vSwitch's part of it",
        unit,
        peer: "ovs-vsctl",
        goal: GOAL,
        ours: open.map(({ ovsMs }) => ovsMs),
        theirs: peer.map(({ ovsMs }) => ovsMs),
      },
      {
        figure: "convergence with nothing to do",
        unit,
        peer: "ovs-vsctl and ip",
        ours: open.map(({ noopMs }) => noopMs),
        theirs: again.map(({ ms }) => ms),
      },
    ];
  },
};

interface Ours {
  readonly firstMs: number;
  readonly ovsMs: number;
  readonly noopMs: number;
}

interface Peer {
  readonly ms: number;
  readonly ovsMs: number;
}

/** Both sides are timed by a process on the host, without the start of that process. */
async function timed<T>(host: Host, script: string, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await host.exec([process.execPath, `${import.meta.dirname}/${script}`, ...args]);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

function converge(host: Host, ...how: readonly string[]): Promise<Ours> {
  return timed(host, "converge.ts", host.root, ...how);
}

/** Neither bridges nor state: a host that was never configured. */
async function bare(host: Host): Promise<void> {
  await host.vsctl("--if-exists", "del-br", "br-uplink", "--", "--if-exists", "del-br", "br-ex", "--", "del-manager");
  await host.exec(["rm", "-rf", `${host.root}/var/lib/devcloud-agent/network`]);
}

/** The whole of the lab's configuration in one ovs-vsctl, which waits for ovs-vswitchd as the agent does. */
function byHand(host: Host): Promise<Peer> {
  const bridge = (name: string) => [
    "--may-exist",
    "add-br",
    name,
    "--",
    "set",
    "bridge",
    name,
    "datapath_type=netdev",
    "fail_mode=standalone",
    "--",
  ];
  const patch = (on: string, name: string, peer: string) => [
    ..."--may-exist add-port".split(" "),
    on,
    name,
    "--",
    "set",
    "interface",
    name,
    "type=patch",
    `options:peer=${peer}`,
    "--",
  ];
  const mac = host.nics[0].mac;
  const vsctl = [
    ...bridge("br-uplink"),
    ..."set bridge br-uplink stp_enable=false rstp_enable=false".split(" "),
    `other_config:hwaddr="${mac}"`,
    "--",
    ...bridge("br-ex"),
    ..."--may-exist add-bond br-uplink bond0 em1 em2 bond_mode=active-backup lacp=off bond_updelay=200 bond_downdelay=0".split(
      " ",
    ),
    ..."vlan_mode=trunk trunks=100,105,110,120 other_config:bond-detect-mode=carrier --".split(" "),
    ..."--may-exist add-port br-uplink mgmt0 tag=100 vlan_mode=access -- set interface mgmt0 type=internal".split(" "),
    `mac="${mac}"`,
    "--",
    ...patch("br-uplink", "to-br-ex", "up-br-ex"),
    ...patch("br-ex", "up-br-ex", "to-br-ex"),
    ..."set port to-br-ex vlan_mode=trunk trunks=110,120 --".split(" "),
    ..."set-manager ptcp:6640:127.0.0.1 -- set open_vswitch . external_ids:system-id=h1".split(" "),
  ];
  const lines = [
    "link set dev em1 up",
    "link set dev em2 up",
    "link set dev mgmt0 up",
    `address replace ${host.address}/24 dev mgmt0`,
    "route replace default via 10.1.0.1 dev mgmt0 metric 100",
  ];
  return timed(host, "by-hand.ts", JSON.stringify(vsctl), JSON.stringify(lines));
}
