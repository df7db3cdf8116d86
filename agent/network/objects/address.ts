import type { NetworkSettings } from "../../config/settings.ts";
import { ownerMark } from "../owner.ts";
import type { Target } from "../target.ts";
import type { NetworkObject } from "./object.ts";

/** Internal ports on one VLAN each, with the host's addresses and routes. */
export const address: NetworkObject = ({ network, hostMac }) => {
  const entries = Object.entries(network.addresses);
  return {
    ...addressesOn(network, (device) => device),
    links: entries.map(([device]) => device),
    ports: entries.map(([device, { vlan, mtu, mac = hostMac }]) => ({
      bridge: network.bridge,
      port: {
        name: device,
        columns: {
          vlan_mode: ["access"],
          tag: [network.vlans[vlan] ?? unknownVlan(vlan)],
          trunks: [],
          external_ids: ownerMark,
        },
        interfaces: [
          {
            name: device,
            columns: {
              type: "internal",
              ...(mac === undefined ? {} : { mac: [mac] }),
              ...(mtu === undefined ? {} : { mtu_request: [mtu] }),
              external_ids: ownerMark,
            },
          },
        ],
      },
    })),
  };
};

/** The host's addresses and routes, each on the device that stands for the configuration's. */
export function addressesOn(
  network: NetworkSettings,
  deviceFor: (name: string) => string,
): Pick<Target, "addresses" | "routes"> {
  const entries = Object.entries(network.addresses).map(([name, entry]) => ({ ...entry, device: deviceFor(name) }));
  return {
    addresses: entries.flatMap(({ device, ipv4, ipv6 }) =>
      [...ipv4, ...ipv6].map((cidr) => ({ device, address: cidr })),
    ),
    routes: entries.flatMap(({ device, gateway, routes }) => [
      ...(gateway === undefined ? [] : [{ to: "default", via: gateway, device }]),
      ...routes.map(({ to, via }) => ({ to: to.endsWith("/0") ? "default" : to, via, device })),
    ]),
  };
}

function unknownVlan(name: string): never {
  throw new TypeError(`VLAN ${name} passed validation and is not declared`);
}
