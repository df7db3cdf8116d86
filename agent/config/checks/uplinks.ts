import type { NetworkDraft } from "../draft.ts";
import { suggest } from "../nearest.ts";
import { duplicates, type Finding } from "./finding.ts";

export function bondMembers({ bond, nics }: NetworkDraft): Finding[] {
  if (!bond?.members) return [];
  const path = ["network", "bond", "members"];
  const twice = duplicates(
    bond.members,
    (item) => item.value,
    (later): Finding => ({
      code: "E_CONFIG_DUPLICATE_MEMBER",
      message: `${later.value} is a member twice`,
      path: [...path, later.index],
      expected: "each NIC once",
    }),
  );
  const undeclared = bond.members
    .filter((item) => nics && !nics.has(item.value))
    .map((item): Finding => {
      const hint = suggest(item.value, nics?.keys() ?? []);
      return {
        code: "E_CONFIG_REFERENCE",
        message: `no NIC is called "${item.value}"`,
        path: [...path, item.index],
        expected: "a name from network.nics",
        ...(hint !== undefined && { hint }),
      };
    });
  return [...tooFewMembers(bond.members.length, path), ...twice, ...undeclared];
}

// Open vSwitch makes an ordinary port of a bond with one member, and the second cable protects nothing.
function tooFewMembers(count: number, path: Finding["path"]): Finding[] {
  if (count >= 2) return [];
  const members = count === 0 ? "no member" : "one member";
  return [{ code: "E_CONFIG_BOND_MEMBERS", message: `the bond has ${members}`, path, expected: "two NICs or more" }];
}

export function bondPrimary({ bond }: NetworkDraft): Finding[] {
  const { primary, members } = bond ?? {};
  if (primary === undefined || primary === "none" || !members || members.some((item) => item.value === primary))
    return [];
  const names = members.map((item) => item.value);
  const hint = suggest(primary, [...names, "none"]);
  return [
    {
      code: "E_CONFIG_REFERENCE",
      message: `"${primary}" is not a member of the bond`,
      path: ["network", "bond", "primary"],
      expected: "one of the members, or none",
      ...(hint !== undefined && { hint }),
    },
  ];
}

/** There is nothing to go back to, or to stay away from, without a preference. */
export function bondFailback({ bond }: NetworkDraft): Finding[] {
  if (bond?.failback !== "never" || (bond.primary !== undefined && bond.primary !== "none")) return [];
  return [
    {
      code: "E_CONFIG_VALUE",
      message: "the bond has no primary that it could stay away from",
      path: ["network", "bond", "failback"],
      expected: "a `primary`, or no `failback`",
      hint: "Without a primary the bond stays where it is anyway.",
    },
  ];
}

export function nicIdentities({ nics }: NetworkDraft): Finding[] {
  const all = [...(nics ?? [])];
  return (["mac", "pci"] as const).flatMap((key) =>
    duplicates(
      all,
      ([, nic]) => nic[key],
      ([name, nic], [first]) => ({
        code: "E_CONFIG_DUPLICATE_NIC",
        message: `${name} and ${first} have the same ${key === "mac" ? "MAC" : "PCI"} address ${nic[key]}`,
        path: ["network", "nics", name, key],
        expected: "a NIC of its own for each name",
      }),
    ),
  );
}

/** A group address (the lowest bit of the first byte) or all zeros is no NIC's own. */
export function nicMacs({ nics }: NetworkDraft): Finding[] {
  return [...(nics ?? [])].flatMap(([name, { mac }]): Finding[] => {
    if (mac === undefined) return [];
    const group = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
    if (!group && mac !== "00:00:00:00:00:00") return [];
    return [
      {
        code: "E_CONFIG_VALUE",
        message: `${mac} is ${group ? "a group address" : "nobody's address"}, not a NIC's`,
        path: ["network", "nics", name, "mac"],
        expected: "the permanent MAC address of the NIC",
      },
    ];
  });
}

export function oneFabric({ nics, bond }: NetworkDraft): Finding[] {
  const members = new Set(bond?.members?.map((item) => item.value));
  const fabrics = [...members].map((name) => nics?.get(name)?.fabric);
  if (fabrics.length < 2 || fabrics[0] === undefined || fabrics.some((fabric) => fabric !== fabrics[0])) return [];
  return [
    {
      code: "E_CONFIG_ONE_FABRIC",
      message: `all members of the bond lead to fabric ${fabrics[0]}`,
      path: ["network", "bond", "members"],
      hint: "When that fabric fails the host is cut off. Check `fabric` of the NICs, or the cables.",
      warning: true,
    },
  ];
}
