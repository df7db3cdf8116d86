import { join } from "node:path";
import { must, run } from "./command.ts";
import { Ovs } from "./ovs.ts";
import { addNamespaces, namespaceFile, namespaceName } from "./registry.ts";

export type FabricName = "A" | "B";

/** One cable: a host's NIC and the switch port that it ends in. */
export interface Cable {
  readonly nic: string;
  readonly mac: string;
  readonly fabric: FabricName;
  /** The switch port, which is also the name of the veth end in the fabric's namespace. */
  readonly port: string;
}

export interface CutOptions {
  /** True (default): the NIC loses carrier. False: carrier stays, and the switch drops both directions silently. */
  readonly loseCarrier?: boolean;
}

/** What a veth does in software and a real NIC does right: checksums and tags are put into the frame itself. */
const plainNic = ["tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off", "txvlan", "off", "rxvlan", "off"];

/** The address of the gateway on a VLAN: 10.1.0.1/24 on 100, 10.1.5.1/24 on 105, and so on. */
export function gatewayAddress(vlan: number): string {
  return `10.1.${(vlan - 100) & 0xff}.1`;
}

/**
 * Two switches, `fabA` and `fabB`, that one cable joins into one L2 domain, and a gateway with an address on each VLAN.
 * The switch ports of the hosts and the cable between the switches carry the allowed VLANs only (pruned trunks).
 */
export class Fabric {
  readonly namespace: string;
  readonly gateway: string;
  readonly ovs: Ovs;
  readonly #env: NodeJS.ProcessEnv;
  readonly #cables = new Map<string, Cable>();
  readonly #cuts = new Map<string, Required<CutOptions>>();
  readonly #allowed: Set<number>;

  constructor(id: string, folder: string, env: NodeJS.ProcessEnv, vlans: readonly number[]) {
    this.namespace = namespaceName(id, "fab");
    this.gateway = namespaceName(id, "gw");
    this.#env = env;
    this.#allowed = new Set(vlans);
    this.ovs = new Ovs({
      enter: () => ["nsenter", `--net=${namespaceFile(this.namespace)}`],
      env,
      run: join(folder, "fab"),
      database: join(folder, "fab", "conf.db"),
      logs: join(folder, "fab"),
    });
  }

  /** Namespaces, switches, gateway. */
  async start(): Promise<void> {
    await addNamespaces([this.namespace, this.gateway], this.#env);
    // Switches are no IPv6 hosts: without this each veth end would speak on the wire by itself.
    await this.#in(this.namespace, "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 || true");
    // Linux answers for an address on every device; a router answers on the VLAN that has it.
    await this.#in(this.gateway, "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
    const vlans = [...this.#allowed];
    const links = vlans.map(
      (vlan) => `link add gw-${vlan} type veth peer name vlan${vlan} netns ${this.gateway}\nlink set gw-${vlan} up\n`,
    );
    await must(["ip", "-n", this.namespace, "-batch", "-"], { env: this.#env, input: links.join("") });
    const addresses = vlans.map(
      (vlan) =>
        `link set vlan${vlan} up\naddress add ${gatewayAddress(vlan)}/24 dev vlan${vlan}\naddress add fd00:1:${vlan}::1/64 dev vlan${vlan} nodad\n`,
    );
    const batch = `link set lo up\n${addresses.join("")}`;
    await run(["ip", "-n", this.gateway, "-force", "-batch", "-"], { env: this.#env, input: batch });
    await this.#plain(
      this.namespace,
      vlans.map((vlan) => `gw-${vlan}`),
    );
    await this.#plain(
      this.gateway,
      vlans.map((vlan) => `vlan${vlan}`),
    );
    await this.ovs.start();
    await this.ovs.vsctl(
      // No cached flows: OVS learns a moved MAC from a cached flow only every 500 ms, a hardware switch at once.
      ...["--", "set", "Open_vSwitch", ".", "other_config:flow-limit=0"],
      ...["A", "B"].flatMap((name) => [
        "--",
        "add-br",
        `fab${name}`,
        "--",
        "set",
        "Bridge",
        `fab${name}`,
        "datapath_type=netdev",
      ]),
      ...this.#patch("A", "B"),
      ...this.#patch("B", "A"),
      ...vlans.flatMap((vlan) => ["--", "add-port", "fabA", `gw-${vlan}`, `tag=${vlan}`]),
    );
  }

  #patch(from: FabricName, to: FabricName): string[] {
    const [here, there] = [`trunk${from}${to}`, `trunk${to}${from}`];
    const type = ["--", "set", "Interface", here, "type=patch", `options:peer=${there}`];
    return ["--", "add-port", `fab${from}`, here, this.#trunks(), ...type];
  }

  /** VLAN 4095 carries nothing: an empty list would mean every VLAN. */
  #trunks(): string {
    return `trunks=${this.#allowed.size === 0 ? "4095" : [...this.#allowed].join(",")}`;
  }

  /** Takes cables out of the switches; a cut of theirs is remembered for when they are plugged in again. */
  async unplug(cables: readonly Cable[]): Promise<void> {
    // In a transaction of its own: a port that goes and comes in one keeps its socket on the device that is gone.
    await this.ovs.vsctl(...cables.flatMap(({ port }) => ["--", "--if-exists", "del-port", port]));
    for (const { port } of cables) this.#cables.delete(port);
  }

  /** Lays cables into a host's namespace and plugs them in. */
  async plug(namespace: string, cables: readonly Cable[]): Promise<void> {
    const links = cables.map(
      ({ port, nic, mac }) =>
        `link add ${port} type veth peer name ${nic} address ${mac} netns ${namespace}\nlink set ${port} up\n`,
    );
    await must(["ip", "-n", this.namespace, "-batch", "-"], { env: this.#env, input: links.join("") });
    await this.#plain(
      this.namespace,
      cables.map((cable) => cable.port),
    );
    await this.#plain(
      namespace,
      cables.map((cable) => cable.nic),
    );
    await this.#addPorts(cables);
  }

  /** The same for devices that are in the switches' namespace already: the taps of a virtual machine. */
  async attach(cables: readonly Cable[]): Promise<void> {
    const links = cables.map(({ port }) => `link set ${port} up\n`);
    await must(["ip", "-n", this.namespace, "-batch", "-"], { env: this.#env, input: links.join("") });
    await this.#addPorts(cables);
  }

  async #addPorts(cables: readonly Cable[]): Promise<void> {
    await this.ovs.vsctl(
      ...cables.flatMap(({ port, fabric }) => [
        ...["--", "add-port", `fab${fabric}`, port, "vlan_mode=trunk", this.#trunks()],
      ]),
    );
    for (const cable of cables) {
      this.#cables.set(cable.port, cable);
      // A cable that is cut stays cut while its host reboots.
      const cut = this.#cuts.get(cable.port);
      if (cut !== undefined) await this.cut(cable.port, cut);
    }
  }

  async cut(port: string, options: CutOptions = {}): Promise<void> {
    const loseCarrier = options.loseCarrier ?? true;
    this.#cuts.set(port, { loseCarrier });
    if (loseCarrier) await this.#link(port, "down");
    else await this.#forward(port, ["no-receive", "no-forward"]);
  }

  async mend(port: string): Promise<void> {
    this.#cuts.delete(port);
    await this.#forward(port, ["receive", "forward"]);
    await this.#link(port, "up");
  }

  /** The switches stop carrying a VLAN; the gateway keeps its address on it. */
  async prune(vlan: number): Promise<void> {
    this.#allowed.delete(vlan);
    await this.#setTrunks();
  }

  async allow(vlan: number): Promise<void> {
    this.#allowed.add(vlan);
    await this.#setTrunks();
  }

  async #setTrunks(): Promise<void> {
    const ports = ["trunkAB", "trunkBA", ...this.#cables.keys()];
    await this.ovs.vsctl(...ports.flatMap((port) => ["--", "set", "Port", port, this.#trunks()]));
  }

  /** The switch ports of these cables send a VLAN without its tag, as switches do for hosts that know of none. */
  async untag(vlan: number, ports: readonly string[]): Promise<void> {
    const native = ["vlan_mode=native-untagged", `tag=${vlan}`];
    await this.ovs.vsctl(...ports.flatMap((port) => ["--", "set", "Port", port, ...native]));
  }

  async #link(port: string, state: "up" | "down"): Promise<void> {
    await must(["ip", "-n", this.namespace, "link", "set", port, state], { env: this.#env });
  }

  async #forward(port: string, states: readonly string[]): Promise<void> {
    const cable = this.#cables.get(port);
    if (cable === undefined) throw new Error(`There is no switch port ${port}`);
    for (const state of states) {
      const done = await this.ovs.exec("ovs-ofctl", "mod-port", `fab${cable.fabric}`, port, state);
      if (done.code !== 0) throw new Error(`ovs-ofctl mod-port ${port} ${state}: ${done.stderr.trim()}`);
    }
  }

  async #plain(namespace: string, devices: readonly string[]): Promise<void> {
    await this.#in(
      namespace,
      devices.map((device) => `ethtool -K ${device} ${plainNic.join(" ")} >/dev/null 2>&1`).join("\n"),
    );
  }

  async #in(namespace: string, script: string): Promise<void> {
    await run(["nsenter", `--net=${namespaceFile(namespace)}`, "sh", "-c", script], { env: this.#env });
  }
}
