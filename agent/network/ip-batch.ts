import { adoptLines, EARLY_METRIC } from "./adopt-steps.ts";
import type { IpStep } from "./steps.ts";
import { ROUTE_METRIC, ROUTE_PROTOCOL } from "./target.ts";

type Line = { readonly [K in IpStep["kind"]]: (step: Extract<IpStep, { kind: K }>) => string | readonly string[] };

const lines: Line = {
  ...adoptLines,
  "remove-vlan": ({ device }) => `link del dev ${device}`,
  "add-vlan": ({ device, parent, id, mtu }) =>
    `link add link ${parent} name ${device}${mtu === undefined ? "" : ` mtu ${mtu}`} type vlan id ${id}`,
  "link-up": ({ device }) => `link set dev ${device} up`,
  "add-address": ({ device, address, early }) =>
    `address replace ${address} dev ${device}${nodad(address)}${early === true ? ` metric ${EARLY_METRIC}` : ""}`,
  "remove-address": ({ device, address }) => `address del ${address} dev ${device}`,
  // Not `replace`: what of ours has to go is removed before, and a stranger's with our metric has to stay.
  "add-route": ({ to, via, device }) =>
    `route add ${to} via ${via} dev ${device} proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`,
  "remove-route": ({ to, via, device }) => `route del ${to} via ${via} dev ${device} proto ${ROUTE_PROTOCOL}`,
};

/** The lines that `ip -batch` reads for these steps. `ip -json` understands nothing that needs quoting here. */
export function ipBatch(steps: readonly IpStep[]): readonly string[] {
  return steps.flatMap((step) => lineOf(step));
}

function lineOf<K extends IpStep["kind"]>(step: Extract<IpStep, { kind: K }>): string | readonly string[] {
  // The table is indexed by the step's own kind, which TypeScript cannot follow through the union.
  const line = lines[step.kind] as (step: Extract<IpStep, { kind: K }>) => string | readonly string[];
  return line(step);
}

/** An IPv6 address that is still tentative answers nobody; a host that must be reachable does not wait for that. */
function nodad(address: string): string {
  return address.includes(":") ? " nodad" : "";
}
