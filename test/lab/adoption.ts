import type { Step } from "../../agent/network/steps.ts";

/** What makes the new network, what takes the old one away, and what says whose Open vSwitch it is. */
const adopting: ReadonlySet<Step["kind"]> = new Set([
  "create-bridge",
  "create-port",
  "set-ipv6",
  "link-up",
  "add-address",
  "add-route",
  "take-address",
  "take-route",
  "release-nic",
  "remove-link",
  "set-external-id",
  "write-system-id",
]);

/**
 * What a plan would change beyond the move from the kernel's devices to Open vSwitch: nothing, where its configuration is what the
 * host has. Of a host whose addresses are all on one VLAN, of ordinary MTU.
 */
export function beyondAdoption(steps: readonly Step[], vlan: number): readonly string[] {
  const ports = steps.flatMap((step) => (step.kind === "create-port" ? step.port : []));
  const interfaces = ports.flatMap((port) => port.interfaces);
  return [
    ...steps.filter(({ kind }) => !adopting.has(kind)).map((step) => `a step of another kind: ${JSON.stringify(step)}`),
    ...differing(
      "addresses",
      steps.flatMap((step) => (step.kind === "take-address" ? step.address : [])),
      steps.flatMap((step) => (step.kind === "add-address" ? step.address : [])),
    ),
    ...differing(
      "routes",
      steps.flatMap((step) => (step.kind === "take-route" ? `${step.route.to} ${step.route.via}` : [])),
      steps.flatMap((step) => (step.kind === "add-route" ? `${step.to} ${step.via}` : [])),
    ),
    ...differing(
      "VLANs",
      [vlan],
      [...new Set(ports.flatMap(({ columns }) => [...(columns.tag ?? []), ...(columns.trunks ?? [])]))],
    ),
    ...interfaces.flatMap(({ name, columns: { mtu_request: mtu } }) =>
      mtu === undefined ? [] : `MTU of ${name}: ${JSON.stringify(mtu)}`,
    ),
  ];
}

function differing(what: string, had: readonly (string | number)[], gets: readonly (string | number)[]): string[] {
  const [before, after] = [had, gets].map((list) => list.map(String).toSorted().join(", "));
  return before === after ? [] : [`${what}: ${before || "none"} -> ${after || "none"}`];
}
