import * as v from "valibot";
import { type Cidr, type Ip, parseCidr, parseIp } from "../core/ip.ts";
import * as schema from "./schema.ts";
import * as value from "./values.ts";

/**
 * What could be understood of a configuration that may be wrong in places: the checks look at this, so that one slip
 * does not hide the next. A part that is missing or of the wrong form is undefined or left out; the names that maps
 * declare are kept even where their values are wrong, so that nothing refers to them in vain.
 */
export interface Draft {
  readonly hostName?: string;
  readonly network?: NetworkDraft;
  readonly bootBudgetMs?: number;
  readonly applyTimeoutMs?: number;
  readonly ovsdbTimeoutMs?: number;
  readonly uplinkSilentMs?: number;
  readonly backoffMinMs?: number;
  readonly backoffMaxMs?: number;
  readonly probeIntervalMs?: number;
  readonly listen: readonly Item<string>[];
  readonly endpoints: readonly Item<string>[];
  readonly proxy?: string;
  readonly allow: readonly Item<string>[];
}

export interface NetworkDraft {
  readonly enforced: boolean;
  readonly nics?: ReadonlyMap<string, NicDraft>;
  readonly bond?: BondDraft;
  readonly bridge?: string;
  readonly vlans?: ReadonlyMap<string, number | undefined>;
  readonly addresses: ReadonlyMap<string, AddressDraft>;
  readonly neutronBridges: ReadonlyMap<string, NeutronBridgeDraft>;
  readonly probes?: readonly Item<string>[];
  /** How many entries `probes` has, right or wrong; undefined when it is absent. */
  readonly probeCount?: number;
  readonly confirmBy?: "probes" | "operator";
  readonly deadlineMs?: number;
  readonly good?: number;
}

export interface NicDraft {
  readonly mac?: string;
  readonly pci?: string;
  readonly fabric?: string;
}

export interface BondDraft {
  readonly name?: string;
  readonly members?: readonly Item<string>[];
  readonly primary?: string;
  readonly failback?: string;
  readonly nativeVlan?: string;
  readonly mtu?: number;
}

export interface AddressDraft {
  readonly vlan?: string;
  readonly ips: readonly Item<Cidr & { readonly key: "ipv4" | "ipv6" }>[];
  /** Every entry of `ipv4` and `ipv6` was understood, so "none of them" can be said. */
  readonly complete: boolean;
  readonly gateway?: Ip;
  readonly mtu?: number;
  readonly routes: readonly Item<RouteDraft>[];
}

export interface RouteDraft {
  readonly to?: Cidr;
  readonly via?: Ip;
}

export interface NeutronBridgeDraft {
  readonly physnet?: string;
  readonly vlans: readonly Item<string>[];
}

/** An entry of a list together with its place in it. */
export interface Item<T> {
  readonly index: number;
  readonly text: string;
  readonly value: T;
}

export function draftOf(config: unknown): Draft {
  const network = get(config, "network");
  const timing = get(config, "timing");
  const controller = get(config, "controller");
  return strip({
    hostName: read(value.hostName, get(get(config, "host"), "name")),
    network: isMap(network) ? networkDraft(network) : undefined,
    bootBudgetMs: ms(get(timing, "boot_budget"), "60s"),
    applyTimeoutMs: ms(get(timing, "apply_timeout"), "10s"),
    ovsdbTimeoutMs: ms(get(timing, "ovsdb_timeout"), "5s"),
    uplinkSilentMs: ms(get(timing, "uplink_silent"), "1300ms"),
    backoffMinMs: ms(get(timing, "backoff_min"), "500ms"),
    backoffMaxMs: ms(get(timing, "backoff_max"), "30s"),
    probeIntervalMs: ms(get(timing, "probe_interval"), "1s"),
    listen: items(get(get(config, "metrics"), "listen"), text),
    endpoints: items(get(controller, "endpoints"), text),
    proxy: text(get(controller, "proxy")),
    allow: items(get(controller, "allow"), text),
  });
}

function networkDraft(network: unknown): NetworkDraft {
  const confirm = get(network, "confirm");
  const vlans = get(network, "vlans");
  const nics = get(network, "nics");
  const bond = get(network, "bond");
  return strip({
    enforced: get(network, "mode") === "enforce",
    nics: isMap(nics) ? record(nics, nicDraft) : undefined,
    bond: isMap(bond) ? bondDraft(bond) : undefined,
    bridge: read(value.deviceName, get(network, "bridge") ?? "br-uplink"),
    // An empty map is a mistake of its own; every name that refers to it would only repeat it.
    vlans: isMap(vlans) && Object.keys(vlans).length > 0 ? record(vlans, (id) => read(value.vlanId, id)) : undefined,
    addresses: record(get(network, "addresses"), addressDraft),
    neutronBridges: record(get(get(network, "neutron"), "bridges"), neutronBridgeDraft),
    probes:
      get(network, "probes") === undefined ? undefined : items(get(network, "probes"), (x) => read(value.probe, x)),
    probeCount: get(network, "probes") === undefined ? undefined : count(get(network, "probes")),
    confirmBy: read(schema.confirmSchema.entries.by, get(confirm, "by") ?? "probes"),
    deadlineMs: ms(get(confirm, "deadline"), "120s"),
    good: read(schema.confirmSchema.entries.good, get(confirm, "good") ?? 3),
  });
}

function nicDraft(nic: unknown): NicDraft {
  return strip({
    mac: read(value.mac, get(nic, "mac"))?.toLowerCase(),
    pci: read(value.pci, get(nic, "pci"))?.toLowerCase(),
    fabric: read(value.label, get(nic, "fabric")),
  });
}

function bondDraft(bond: unknown): BondDraft {
  const members = get(bond, "members");
  return strip({
    name: read(value.deviceName, get(bond, "name")),
    members: Array.isArray(members) ? items(members, (member) => read(value.deviceName, member)) : undefined,
    primary: read(value.deviceName, get(bond, "primary")),
    failback: text(get(bond, "failback")),
    nativeVlan: read(value.label, get(bond, "native_vlan")),
    mtu: read(value.mtu, get(bond, "mtu")),
  });
}

function addressDraft(address: unknown): AddressDraft {
  const ipv4 = items(get(address, "ipv4"), (x) => cidr(value.ipv4Cidr, x, "ipv4"));
  const ipv6 = items(get(address, "ipv6"), (x) => cidr(value.ipv6Cidr, x, "ipv6"));
  return strip({
    vlan: read(value.label, get(address, "vlan")),
    ips: [...ipv4, ...ipv6],
    complete: ipv4.length === count(get(address, "ipv4")) && ipv6.length === count(get(address, "ipv6")),
    gateway: parseIp(text(get(address, "gateway")) ?? ""),
    mtu: read(value.mtu, get(address, "mtu")),
    routes: items(get(address, "routes"), routeDraft),
  });
}

function routeDraft(route: unknown): RouteDraft {
  return strip({ to: parseCidr(text(get(route, "to")) ?? ""), via: parseIp(text(get(route, "via")) ?? "") });
}

function neutronBridgeDraft(bridge: unknown): NeutronBridgeDraft {
  return strip({
    physnet: read(value.label, get(bridge, "physnet")),
    vlans: items(get(bridge, "vlans"), (name) => read(value.label, name)),
  });
}

function cidr<K extends "ipv4" | "ipv6">(form: v.GenericSchema<string>, input: unknown, key: K) {
  const parsed = parseCidr(read(form, input) ?? "");
  return parsed && { ...parsed, key };
}

function items<T>(input: unknown, parse: (item: unknown) => T | undefined): Item<T>[] {
  if (!Array.isArray(input)) return [];
  return input.flatMap((item: unknown, index) => {
    const parsed = parse(item);
    return parsed === undefined ? [] : [{ index, text: String(item), value: parsed }];
  });
}

function record<T>(input: unknown, parse: (value: unknown) => T): Map<string, T> {
  return new Map(isMap(input) ? Object.entries(input).map(([name, inner]) => [name, parse(inner)]) : []);
}

function read<const S extends v.GenericSchema>(form: S, input: unknown): v.InferOutput<S> | undefined {
  const result = v.safeParse(form, input);
  return result.success ? result.output : undefined;
}

function ms(input: unknown, absent: string): number | undefined {
  return value.durationMs(text(input ?? absent) ?? "");
}

function text(input: unknown): string | undefined {
  return typeof input === "string" ? input : undefined;
}

function count(input: unknown): number {
  return Array.isArray(input) ? input.length : 0;
}

function get(input: unknown, key: string): unknown {
  return isMap(input) && Object.hasOwn(input, key) ? input[key] : undefined;
}

function isMap(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out what is undefined, so that "absent" has one form. */
function strip<T extends object>(parts: T): Present<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)) as Present<T>;
}
