import { type Ip, isIn, parseIp } from "../../core/ip.ts";
import type { Draft } from "../draft.ts";
import { splitHostPort } from "../values.ts";
import type { Finding } from "./finding.ts";

/** This host answers itself however it is cut off: every change would be confirmed by that. */
export function ownProbes({ network, hostName }: Draft): Finding[] {
  return (network?.probes ?? []).flatMap(({ value: probe, index }): Finding[] => {
    const host = splitHostPort(probe.replace(/^tcp:/, ""))?.host;
    const why = network && host !== undefined ? whyOwn(host, network, hostName) : undefined;
    if (why === undefined) return [];
    return [
      {
        code: "E_CONFIG_CONFIRM",
        message: `the probe asks this host itself: ${host} is ${why}`,
        path: ["network", "probes", index],
        expected: "an address beyond the switches",
        hint: "This host answers itself also where nobody else can reach it. Ask a machine that people come from.",
      },
    ];
  });
}

function whyOwn(host: string, { addresses }: NonNullable<Draft["network"]>, name?: string): string | undefined {
  const ip = parseIp(host);
  if (ip === undefined) {
    const asked = host.toLowerCase();
    if (/(^|\.)localhost\d*$|^localhost\d*\./.test(asked)) return "the name that every machine has for itself";
    const own = name?.toLowerCase();
    return asked === own || asked === own?.split(".")[0] ? "its name" : undefined;
  }
  const plain = unmapped(ip);
  if (OWN.some((range) => isIn(plain, range))) return "an address that every machine has for itself";
  const [device] =
    [...addresses].find(([, { ips }]) =>
      ips.some(({ value }) => value.family === plain.family && value.value === plain.value),
    ) ?? [];
  return device === undefined ? undefined : `an address of ${device}`;
}

/** The unspecified address leads to the host itself as well. */
const OWN: readonly string[] = ["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"];

/** `::ffff:10.1.0.17` is 10.1.0.17 to a socket. */
function unmapped(ip: Ip): Ip {
  return isIn(ip, "::ffff:0:0/96") ? { family: 4, value: ip.value & 0xffff_ffffn } : ip;
}
