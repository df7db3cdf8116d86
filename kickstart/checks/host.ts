import { type Problem, suggest } from "../../agent/config/host.ts";
import type { PlacedHost } from "../host.ts";
import { managementOf } from "../network-line.ts";

/** It is right in form and says of no machine which one it is: what asks for it would always find itself. */
export function named({ name, at }: PlacedHost): Problem[] {
  if (!isLocalhost(name)) return [];
  return [
    {
      code: "E_CONFIG_VALUE",
      message: "this is the name that every machine has for itself",
      ...at,
      expected: "a host name such as cmp07.dc1.example.net",
      hint: "Give the host the name by which the others find it.",
    },
  ];
}

export function isLocalhost(name: string): boolean {
  return /^localhost\d*(\.|$)/i.test(name);
}

/** Without an address that has a gateway the installer could not fetch the image. */
export function management({ settings, place }: PlacedHost): Problem[] {
  if (managementOf(settings.network) !== undefined) return [];
  return [
    {
      code: "E_FLEET_NO_MANAGEMENT",
      message: "no address has a gateway",
      ...place("config", ["network", "addresses"]),
      hint: "Give the management address its `gateway`: the installer fetches the image through it.",
    },
  ];
}

/** The kernel of the installer may name a NIC otherwise than the system does; its MAC is the same in both. */
export function macsKnown({ settings, place }: PlacedHost): Problem[] {
  const { bond, nics } = settings.network;
  return bond.members
    .filter((nic) => nics[nic]?.mac === undefined)
    .map((nic) => ({
      code: "E_FLEET_MAC_MISSING",
      message: `${nic} has no MAC address`,
      ...place("config", ["network", "nics", nic]),
      hint: `Add \`mac\` to ${nic}: the installer finds the NIC by it, and refuses to install where it is missing.`,
    }));
}

export function installNic({ install, settings, place }: PlacedHost): Problem[] {
  const { members } = settings.network.bond;
  if (install.nic === undefined || members.includes(install.nic)) return [];
  return [
    {
      code: "E_FLEET_INSTALL_NIC",
      message: `the installer cannot use ${install.nic}: it is not a member of the bond`,
      ...place("install", ["nic"]),
      expected: `one of ${members.join(", ")}`,
      hint: suggest(install.nic, members) ?? `Take one of ${members.join(", ")}.`,
    },
  ];
}

/** NetworkManager leaves the NICs to the agent, and in this mode the agent leaves them alone as well. */
export function modeEnforced({ settings, place }: PlacedHost): Problem[] {
  if (settings.network.mode === "enforce") return [];
  return [
    {
      code: "E_FLEET_OBSERVE",
      message: "after its installation the host would have no network: nobody would set it up",
      ...place("config", ["network", "mode"]),
      expected: "enforce",
      hint: "Set `network.mode: enforce` in the fleet's `config`.",
    },
  ];
}
