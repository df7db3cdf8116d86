import type { NetworkObject } from "./object.ts";

/** Where Neutron's agent reaches OVSDB (its ovsdb_connection; the role of Kolla that made it is switched off). */
const MANAGER = "ptcp:6640:127.0.0.1";

/** What Kolla's openvswitch role gave the host, now ours: the Manager and the host's identity. */
export const neutronHost: NetworkObject = ({ network, hostName, observed }) => {
  if (network.neutron === undefined) return {};
  const { systemId: wanted } = network.neutron;
  const kept = observed.systemIdFile ?? observed.ovs.root.external_ids["system-id"] ?? hostName?.split(".")[0];
  const systemId = wanted === "keep" ? kept : wanted;
  return {
    managers: [MANAGER],
    externalIds: {
      ...(systemId === undefined ? {} : { "system-id": systemId }),
      ...(hostName === undefined ? {} : { hostname: hostName }),
    },
    ...(systemId === undefined ? {} : { systemIdFile: systemId }),
  };
};
