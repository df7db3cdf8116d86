import type { KernelWhole } from "../../agent/network/kernel.ts";
import type { KernelObserved, Link } from "../../agent/network/observed.ts";
import { type AddressTarget, ROUTE_PROTOCOL, type RouteTarget } from "../../agent/network/target.ts";

/** Links, addresses and routes of one network namespace, and the few commands of `ip -batch` that the agent uses. */
export class FakeKernel {
  readonly links = new Map<string, Link>();
  addresses: AddressTarget[] = [];
  /** What was written below /proc/sys/net/ipv6/conf, as `DEVICE/SETTING`. */
  readonly ipv6 = new Map<string, number>();
  /** The module 8021q is there. */
  knowsVlans = true;
  /** With their protocol; only those of ours are observed. */
  routes: (RouteTarget & { readonly protocol: number; readonly metric?: number })[] = [];
  /** Of the routes that come with addresses, as `DEVICE ADDRESS`. */
  readonly metrics = new Map<string, number>();

  observe(): KernelObserved {
    const ours = this.routes.filter(({ protocol }) => protocol === ROUTE_PROTOCOL);
    return {
      links: [...this.links.values()],
      addresses: [...this.addresses],
      routes: ours.map(({ to, via, device }) => ({ to, via, device })),
    };
  }

  /** Everything, also what others made. */
  whole(): KernelWhole {
    return {
      links: [...this.links.values()].map((link) => ({ ...link, address: link.mac })),
      addresses: this.addresses.map(({ device, address }) => {
        const metric = this.metrics.get(`${device} ${address}`);
        return { device, address, ...(metric === undefined ? {} : { metric }) };
      }),
      routes: this.routes.map(({ protocol, metric, ...route }) => ({
        ...route,
        family: 4,
        protocol,
        table: 254,
        ...(metric === undefined ? {} : { metric }),
      })),
    };
  }

  addNic(name: string, mac: string, more: Partial<Link> = {}): void {
    this.links.set(name, { name, mac, mtu: 1500, up: false, carrier: false, linkLocal: false, ...more });
  }

  /** A device that comes with Open vSwitch and goes with it, and takes its addresses and routes along. */
  setInternal(names: readonly string[]): void {
    for (const { name, kind } of [...this.links.values()]) {
      if (kind === "openvswitch" && !names.includes(name)) this.remove(name);
    }
    for (const name of names) {
      if (this.links.has(name)) continue;
      this.addNic(name, "06:00:00:00:00:01", { kind: "openvswitch" });
    }
  }

  remove(name: string): void {
    this.links.delete(name);
    for (const key of [...this.ipv6.keys()]) if (key.startsWith(`${name}/`)) this.ipv6.delete(key);
    this.addresses = this.addresses.filter(({ device }) => device !== name);
    this.routes = this.routes.filter(({ device }) => device !== name);
  }

  change(name: string, change: Partial<Link>): void {
    const link = this.links.get(name);
    if (link === undefined) throw new TypeError(`there is no link ${name}`);
    this.links.set(name, { ...link, ...change });
  }

  /** The device loses the IPv6 address of its own making. */
  quiet(name: string): void {
    this.change(name, { linkLocal: false });
  }

  setIpv6(device: string, setting: "disable_ipv6" | "accept_ra", value: number): void {
    this.ipv6.set(`${device}/${setting}`, value);
    if (setting !== "disable_ipv6") return;
    if (value === 1) this.quiet(device);
    else if (this.links.get(device)?.up === true) this.change(device, { linkLocal: true });
  }

  /** Runs every line; returns the complaints of those that failed. */
  batch(lines: readonly string[]): string[] {
    return lines.flatMap((line) => this.#line(line.split(" ")) ?? []);
  }

  #line(words: readonly string[]): string | undefined {
    const after = (word: string): string => words[words.indexOf(word) + 1] ?? "";
    const device = after("dev");
    const [object, verb, value = ""] = words;
    if (`${object} ${verb}` === "link add") return this.#addVlan(words[3] ?? "", after("name"));
    if (!this.links.has(device)) return `Cannot find device "${device}"`;
    switch (`${object} ${verb}`) {
      case "link set": {
        if (words.includes("mtu")) {
          this.change(device, { mtu: Number(after("mtu")) });
          return undefined;
        }
        const internal = this.links.get(device)?.kind === "openvswitch";
        const greets = this.ipv6.get(`${device}/disable_ipv6`) !== 1;
        this.change(device, {
          up: true,
          linkLocal: greets,
          ...(internal ? { carrier: true } : {}),
        });
        return undefined;
      }
      case "link del":
        this.remove(device);
        return undefined;
      case "address replace":
        this.addresses = [...this.addresses.filter((entry) => !isAt(entry, device, value)), { device, address: value }];
        if (words.includes("metric")) this.metrics.set(`${device} ${value}`, Number(after("metric")));
        else this.metrics.delete(`${device} ${value}`);
        return undefined;
      case "address del":
        return this.#deleteAddress(device, value);
      case "route add": {
        if (this.links.get(device)?.up !== true) return "Error: Device for nexthop is not up.";
        if (!this.addresses.some((entry) => entry.device === device)) return "Error: Nexthop has invalid gateway.";
        const rank = words.includes("metric") ? Number(after("metric")) : 0;
        if (this.routes.some((route) => route.to === value && (route.metric ?? 0) === rank))
          return "RTNETLINK answers: File exists";
        const metric = words.includes("metric") ? { metric: Number(after("metric")) } : {};
        this.routes.push({ to: value, via: after("via"), device, protocol: Number(after("proto")), ...metric });
        return undefined;
      }
      case "route del": {
        const kept = this.routes.filter(
          (route) => route.to !== value || route.via !== after("via") || route.device !== device,
        );
        if (kept.length === this.routes.length) return "RTNETLINK answers: No such process";
        this.routes = kept;
        return undefined;
      }
      default:
        return `Object "${object} ${verb}" is unknown`;
    }
  }

  #addVlan(parent: string, name: string): string | undefined {
    const nic = this.links.get(parent);
    if (!this.knowsVlans) return "Error: Unknown device type.";
    if (nic === undefined) return `Cannot find device "${parent}"`;
    if (this.links.has(name)) return "RTNETLINK answers: File exists";
    this.addNic(name, nic.mac, { kind: "vlan", parent, carrier: nic.carrier });
    return undefined;
  }

  /** With the last address of a device the kernel drops its routes. */
  #deleteAddress(device: string, address: string): string | undefined {
    const kept = this.addresses.filter((entry) => !isAt(entry, device, address));
    if (kept.length === this.addresses.length) return "Error: ipv4: Address not found.";
    this.addresses = kept;
    if (!kept.some((entry) => entry.device === device)) {
      this.routes = this.routes.filter((route) => route.device !== device);
    }
    return undefined;
  }
}

function isAt(entry: AddressTarget, device: string, address: string): boolean {
  return entry.device === device && entry.address === address;
}
