import type { Draft } from "../draft.ts";
import type { Finding } from "./finding.ts";

/** The probe `gateway` needs somebody to ask. */
export function gatewayProbe({ network }: Draft): Finding[] {
  const probe = network?.probes?.find((item) => item.value === "gateway");
  if (!network || !probe || [...network.addresses.values()].some(({ gateway }) => gateway)) return [];
  return [
    {
      code: "E_CONFIG_REFERENCE",
      message: "the probe asks the gateway, and no address has one",
      path: ["network", "probes", probe.index],
      expected: "an address with a gateway, or another probe",
    },
  ];
}

/** Nobody could ever confirm a change: each one would be undone. */
export function confirmable({ network, probeIntervalMs }: Draft): Finding[] {
  if (network?.confirmBy !== "probes") return [];
  return [...withoutProbes(network), ...tooShort(network, probeIntervalMs)];
}

function withoutProbes({ enforced, probeCount, addresses }: NonNullable<Draft["network"]>): Finding[] {
  const byDefault = [...addresses.values()].some(({ gateway }) => gateway);
  if (!enforced || (probeCount === undefined ? byDefault : probeCount > 0)) return [];
  const path = probeCount === undefined ? ["network"] : ["network", "probes"];
  return [
    {
      code: "E_CONFIG_CONFIRM",
      message: "changes are confirmed by probes, and there is none",
      path,
      ...(probeCount === undefined && { at: "key" as const }),
      expected: "at least one probe, or an address with a gateway",
      hint: "Add `probes`, or let a person confirm: `confirm: { by: operator }`.",
    },
  ];
}

function tooShort({ deadlineMs, good }: NonNullable<Draft["network"]>, probeIntervalMs: number | undefined): Finding[] {
  if (deadlineMs === undefined || good === undefined || probeIntervalMs === undefined) return [];
  if (deadlineMs > good * probeIntervalMs) return [];
  return [
    {
      code: "E_CONFIG_CONFIRM",
      message: `${good} rounds of probes, one every ${probeIntervalMs} ms, do not fit into the deadline of ${deadlineMs} ms`,
      path: ["network", "confirm", "deadline"],
      expected: `more than ${good * probeIntervalMs}ms`,
    },
  ];
}
