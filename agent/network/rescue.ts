import { addressPattern, devicePattern, quoted, shellQuote } from "./rescue-text.ts";
import { carriedScript, spareScript } from "./rescue-vlan.ts";
import { ROUTE_METRIC, ROUTE_PROTOCOL, type Target } from "./target.ts";

/**
 * A shell script that gives the host its addresses back without Node: Open vSwitch restores its ports from its own database, so
 * what is missing is what the kernel forgets. Where Open vSwitch itself is dead, or has the ports and no NIC, the addresses go on VLANs
 * of the kernel. Written with `last-good` and never from a pending change.
 *
 * Values are checked and quoted once more here: the script runs as root, when nobody watches.
 */
export function rescueScript(target: Target, ledgerPath: string, ledgerText: string): string {
  const devices = [...new Set(target.addresses.map(({ device }) => device))];
  return `#!/bin/sh
# Written by devcloud-agent together with its last good network. Do not edit: it is replaced.
# Gives this host its addresses and routes back when the agent itself cannot run.
set -u
try() { "$@" || { echo "devcloud-agent rescue: failed: $*" >&2; failed=1; }; }

${target.links.map((device) => `ip link set dev ${quoted(device, devicePattern)} up || true`).join("\n")}

# The agent, when it runs again, finds these addresses in its ledger.
ledger=${shellQuote(ledgerPath)}
remember() { mkdir -p "\${ledger%/*}" && printf '%s' ${shellQuote(ledgerText)} >"$ledger"; }

# Open vSwitch makes the internal ports from its database.
missing=
for device in ${devices.map((device) => quoted(device, devicePattern)).join(" ")}; do
  tries=0
  until ip link show dev "$device" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -ge 60 ] && { missing=$device; break 2; }
    sleep 1
  done
done

on_ports() {
failed=0
${devices.map((device) => `try ip link set dev ${quoted(device, devicePattern)} up`).join("\n")}
${target.addresses
  .map(({ device, address }) => {
    const nodad = address.includes(":") ? " nodad" : "";
    return `try ip address replace ${quoted(address, addressPattern)} dev ${quoted(device, devicePattern)}${nodad}`;
  })
  .join("\n")}
${target.routes
  .map(({ to, via, device }) => {
    const net = to === "default" ? "default" : quoted(to, addressPattern);
    const path = `via ${quoted(via, addressPattern)} dev ${quoted(device, devicePattern)}`;
    return `try ip route replace ${net} ${path} proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`;
  })
  .join("\n")}
[ -e "$ledger" ] || remember
}
${carriedScript(target)}

if [ -n "$missing" ]; then
  echo "devcloud-agent rescue: Open vSwitch did not make $missing" >&2
else
  on_ports
  # A NIC takes seconds until it has carrier.
  tries=0
  while [ "$tries" -lt 30 ]; do
    carried && exit "$failed"
    tries=$((tries + 1))
    sleep 1
  done
  echo "devcloud-agent rescue: Open vSwitch has no NIC with carrier" >&2
fi
${spareScript(target)}
on_ports
exit 1
`;
}
