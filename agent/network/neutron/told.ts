import type { Problem } from "../../core/errors.ts";
import { type Assignment, lastOf, listOf, parseIni, textOf } from "./ini.ts";

/** A file of Kolla's, with what it says. */
export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

/** What /etc/kolla has for this host: the files of each program, in the order in which the program gets them. */
export interface KollaFiles {
  readonly agent: readonly ConfigText[];
  /** Of neutron-server, and what the operator wrote for it: only on some hosts. */
  readonly server: readonly ConfigText[];
}

/** A value and where it was said. */
export interface Said<T> {
  readonly value: T;
  readonly at: Place;
}
export type Place = Pick<Problem, "file" | "line">;

/** What Neutron was told, as far as it concerns this host's network. */
export interface NeutronTold {
  readonly mappings: readonly Said<Mapping>[];
  /** Where they are said, or would be. */
  readonly mappingsAt: Place;
  readonly ranges: readonly Said<Range>[];
  /** Absent where no file is here that would say it. */
  readonly rangesKnown: boolean;
  readonly integrationBridge: Said<string>;
  readonly tunnelBridge: Said<string> | undefined;
  readonly datapath: Said<string>;
  readonly ovsdb: Said<string>;
  readonly localIp: Said<string> | undefined;
  readonly globalMtu: Said<number>;
  readonly physnetMtus: readonly Said<{ readonly physnet: string; readonly mtu: number }>[];
  /** Lines that Neutron does not understand. */
  readonly problems: readonly Problem[];
}

export interface Mapping {
  readonly physnet: string;
  readonly bridge: string;
}

export interface Range {
  readonly physnet: string;
  /** Both absent: provider networks of any VLAN for administrators, none for tenants. */
  readonly from?: number;
  readonly to?: number;
}

/** Reads them; what is not set has Neutron's own default. Pure. */
export function readNeutron({ agent, server }: KollaFiles): NeutronTold {
  const parsed = [...agent, ...server].map(({ file, text }) => ({ file, ...parseIni(file, text) }));
  const of = (files: readonly ConfigText[]): readonly Assignment[] =>
    parsed.filter(({ file }) => files.some((each) => each.file === file)).flatMap(({ assignments }) => assignments);
  const ours = of(agent);
  const all = [...ours, ...of(server)];
  const problems: Problem[] = parsed.flatMap(({ bad }) =>
    bad.map(({ why, ...at }) => ({
      code: "E_NEUTRON_FILE",
      message: `Neutron does not start with this line: ${why}`,
      ...at,
    })),
  );
  const refuse = (at: Place, message: string, expected: string): void =>
    void problems.push({ code: "E_NEUTRON_FILE", message, expected, ...at });
  const first = placeIn(agent[0]);
  const text = (section: string, key: string, fallback: string): Said<string> => {
    const found = lastOf(ours, section, key);
    return { value: textOf(found) ?? fallback, at: found === undefined ? first : placeOf(found) };
  };
  const mtuFrom = lastOf(all, "DEFAULT", "global_physnet_mtu");
  const mtu = textOf(mtuFrom) ?? "1500";
  const mtuAt = mtuFrom === undefined ? first : placeOf(mtuFrom);
  if (!/^\d+$/.test(mtu)) refuse(mtuAt, `global_physnet_mtu is ${mtu}`, "a number");
  const optional = (key: string): Said<string> | undefined => {
    const said = text("ovs", key, "");
    return said.value === "" ? undefined : said;
  };
  const tunnels = listOf(lastOf(ours, "agent", "tunnel_types")).length > 0;
  const tunnelBridge = text("ovs", "tunnel_bridge", "br-tun");
  const mappingsFrom = lastOf(ours, "ovs", "bridge_mappings");
  const rangesFrom = lastOf(all, "ml2_type_vlan", "network_vlan_ranges");
  const mtusFrom = lastOf(all, "ml2", "physical_network_mtus");
  return {
    mappings: itemsOf(mappingsFrom, mappingOf, refuse, "physnet:bridge"),
    mappingsAt: mappingsFrom === undefined ? placeIn(agent.at(-1)) : placeOf(mappingsFrom),
    ranges: itemsOf(rangesFrom, rangeOf, refuse, "physnet, or physnet:first:last with VLANs from 1 to 4094"),
    rangesKnown: rangesFrom !== undefined,
    integrationBridge: text("ovs", "integration_bridge", "br-int"),
    tunnelBridge: tunnels ? tunnelBridge : undefined,
    datapath: text("ovs", "datapath_type", "system"),
    ovsdb: text("ovs", "ovsdb_connection", "tcp:127.0.0.1:6640"),
    localIp: tunnels ? optional("local_ip") : undefined,
    globalMtu: { value: Number(mtu) || 1500, at: mtuAt },
    physnetMtus: itemsOf(mtusFrom, mtuOf, refuse, "physnet:MTU"),
    problems,
  };
}

function placeIn(text: ConfigText | undefined): Place {
  return text === undefined ? {} : { file: text.file };
}

function placeOf({ file, line }: Assignment): Place {
  return { file, line };
}

type Refuse = (at: Place, message: string, expected: string) => void;

function itemsOf<T>(
  from: Assignment | undefined,
  parse: (item: string) => T | undefined,
  refuse: Refuse,
  expected: string,
): readonly Said<T>[] {
  if (from === undefined) return [];
  const at = placeOf(from);
  return listOf(from).flatMap((item) => {
    const value = parse(item);
    if (value === undefined) refuse(at, `${from.key} has ${item}`, expected);
    return value === undefined ? [] : [{ value, at }];
  });
}

function mappingOf(item: string): Mapping | undefined {
  const [physnet = "", bridge = "", ...more] = item.split(":").map((part) => part.trim());
  return physnet === "" || bridge === "" || more.length > 0 ? undefined : { physnet, bridge };
}

function rangeOf(item: string): Range | undefined {
  const [physnet = "", from, to, ...more] = item.split(":").map((part) => part.trim());
  if (physnet === "" || more.length > 0) return undefined;
  if (from === undefined) return { physnet };
  const [low, high] = [vlanOf(from), vlanOf(to)];
  return low === undefined || high === undefined || low > high ? undefined : { physnet, from: low, to: high };
}

function vlanOf(text: string | undefined): number | undefined {
  const vlan = /^\d+$/.test(text ?? "") ? Number(text) : 0;
  return vlan >= 1 && vlan <= 4094 ? vlan : undefined;
}

function mtuOf(item: string): { readonly physnet: string; readonly mtu: number } | undefined {
  const [physnet = "", mtu = "", ...more] = item.split(":").map((part) => part.trim());
  return physnet !== "" && /^\d+$/.test(mtu) && more.length === 0 ? { physnet, mtu: Number(mtu) } : undefined;
}
