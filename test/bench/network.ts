import type { Host } from "../lab/host.ts";
import { createLab } from "../lab/lab.ts";
import type { Bench } from "./figure.ts";

/** How fast a host gets its network, beside one ovs-vsctl and one ip that do the same. */
export const network: Bench = {
  name: "network",
  about:
    "first configuration until verified, and convergence with nothing to do, against one ovs-vsctl that does the same",
  rounds: 15,
  async run(rounds, tick) {
    await using lab = await createLab();
    const { host } = lab;
    const first: number[] = [];
    const firstPeer: number[] = [];
    const noop: number[] = [];
    const noopPeer: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await bare(host);
      const ours = await converge(host);
      first.push(ours.firstMs);
      noop.push(ours.noopMs);
      await bare(host);
      firstPeer.push(await timed(() => byHand(host)));
      noopPeer.push(await timed(() => byHand(host)));
      tick();
    }
    return [
      {
        figure: "first configuration until verified",
        unit: "ms",
        peer: "ovs-vsctl",
        goal: 0.5,
        ours: first,
        theirs: firstPeer,
      },
      { figure: "convergence with nothing to do", unit: "ms", peer: "ovs-vsctl", ours: noop, theirs: noopPeer },
    ];
  },
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** In a process on the host, without its start: the daemon is running when it configures. */
async function converge(host: Host): Promise<{ readonly firstMs: number; readonly noopMs: number }> {
  const { code, stdout, stderr } = await host.exec([process.execPath, `${import.meta.dirname}/converge.ts`, host.root]);
  if (code !== 0) throw new Error(`converge.ts ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as { firstMs: number; noopMs: number };
}

/** Neither bridges nor state: a host that was never configured. */
async function bare(host: Host): Promise<void> {
  await host.vsctl("--if-exists", "del-br", "br-uplink", "--", "--if-exists", "del-br", "br-ex", "--", "del-manager");
  await host.exec(["rm", "-rf", `${host.root}/var/lib/devcloud-agent/network`]);
}

/** The whole of the lab's configuration in one ovs-vsctl, which waits for ovs-vswitchd as the agent does. */
async function byHand(host: Host): Promise<void> {
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
  await host.vsctl(
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
  );
  const lines = [
    "link set dev em1 up",
    "link set dev em2 up",
    "link set dev mgmt0 up",
    `address replace ${host.address}/24 dev mgmt0`,
    "route replace default via 10.1.0.1 dev mgmt0 metric 100",
  ];
  const { code, stderr } = await host.exec(["sh", "-c", `printf '${lines.join("\\n")}\\n' | ip -batch -`]);
  if (code !== 0) throw new Error(`ip ended with ${code}: ${stderr}`);
}
