import type { NetworkDraft } from "../draft.ts";
import { duplicates, type Finding } from "./finding.ts";

interface Named {
  readonly name: string;
  readonly what: string;
  readonly path: Finding["path"];
  readonly at?: "key";
}

/** Everything that becomes a device or a port: they all share one space of names. */
function namesOf({ nics, bond, bridge, addresses, neutronBridges }: NetworkDraft): Named[] {
  const key = "key" as const;
  const found: Named[] = [...(nics?.keys() ?? [])].map((name) => ({
    name,
    what: "a NIC",
    path: ["network", "nics", name],
    at: key,
  }));
  if (bond?.name !== undefined) found.push({ name: bond.name, what: "the bond", path: ["network", "bond", "name"] });
  if (bridge !== undefined) found.push({ name: bridge, what: "our bridge", path: ["network", "bridge"] });
  for (const name of neutronBridges.keys()) {
    found.push({ name, what: "a bridge of Neutron", path: ["network", "neutron", "bridges", name], at: key });
  }
  for (const name of addresses.keys()) {
    found.push({ name, what: "an address", path: ["network", "addresses", name], at: key });
  }
  return found;
}

export function nameClashes(network: NetworkDraft): Finding[] {
  return duplicates(
    namesOf(network),
    ({ name }) => name,
    (later, first) => ({
      code: "E_CONFIG_NAME_CLASH",
      message: `"${later.name}" is ${first.what} and ${later.what}`,
      path: later.path,
      ...(later.at && { at: later.at }),
      expected: "a name of its own: bridges, bond, NICs and addresses are all devices of the host",
    }),
  );
}

const TAKEN: ReadonlyMap<string, string> = new Map([
  ["lo", "is the loopback device"],
  ["all", "means every device to the kernel's settings"],
  ["default", "means new devices to the kernel's settings"],
  ["none", "means no NIC where a NIC is chosen"],
  ["br-int", "belongs to Neutron's agent"],
  ["br-tun", "belongs to Neutron's agent"],
  ["ovs-system", "is Open vSwitch's datapath"],
  ["ovs-netdev", "is Open vSwitch's datapath"],
]);

export function takenNames(network: NetworkDraft): Finding[] {
  return namesOf(network).flatMap(({ name, path, at }) => {
    const why = TAKEN.get(name);
    if (why === undefined) return [];
    return [
      { code: "E_CONFIG_NAME_CLASH", message: `"${name}" ${why}`, path, ...(at && { at }), expected: "another name" },
    ];
  });
}
