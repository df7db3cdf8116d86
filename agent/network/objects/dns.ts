import type { NetworkObject } from "./object.ts";

/** Whom the host's programs ask for names; by way of its first address, where systemd-resolved wants to know. */
export const dns: NetworkObject = ({ dns: servers, network }) => {
  if (servers.length === 0) return {};
  const [device] = Object.keys(network.addresses);
  return { dns: { servers, ...(device === undefined ? {} : { device }) } };
};
