import { ROUTE_METRIC, ROUTE_PROTOCOL, type Target } from "./target.ts";

const DEVICE = /^[A-Za-z0-9_.-]{1,15}$/;
const ADDRESS = /^[0-9a-fA-F.:]+(\/\d{1,3})?$/;

/**
 * A shell script that gives the host its addresses back without Node: Open vSwitch restores its ports from its own database, so
 * what is missing is what the kernel forgets. Written with `last-good` and never from a pending change.
 *
 * Values are checked and quoted once more here: the script runs as root, when nobody watches.
 */
export function rescueScript(target: Target, ledgerPath: string, ledgerText: string): string {
  const devices = [...new Set(target.addresses.map(({ device }) => device))];
  return `#!/bin/sh
# Written by devcloud-agent together with its last good network. Do not edit: it is replaced.
# Gives this host its addresses and routes back when the agent itself cannot run.
set -u
failed=0
try() { "$@" || { echo "devcloud-agent rescue: failed: $*" >&2; failed=1; }; }

${target.links.map((device) => `ip link set dev ${quoted(device, DEVICE)} up || true`).join("\n")}

# Open vSwitch makes the internal ports from its database.
for device in ${devices.map((device) => quoted(device, DEVICE)).join(" ")}; do
  tries=0
  until ip link show dev "$device" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -ge 60 ] && { echo "devcloud-agent rescue: Open vSwitch did not make $device" >&2; exit 1; }
    sleep 1
  done
done

${devices.map((device) => `try ip link set dev ${quoted(device, DEVICE)} up`).join("\n")}
${target.addresses
  .map(({ device, address }) => {
    const nodad = address.includes(":") ? " nodad" : "";
    return `try ip address replace ${quoted(address, ADDRESS)} dev ${quoted(device, DEVICE)}${nodad}`;
  })
  .join("\n")}
${target.routes
  .map(({ to, via, device }) => {
    const net = to === "default" ? "default" : quoted(to, ADDRESS);
    const path = `via ${quoted(via, ADDRESS)} dev ${quoted(device, DEVICE)}`;
    return `try ip route replace ${net} ${path} proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`;
  })
  .join("\n")}

# The agent, when it runs again, finds these addresses in its ledger.
ledger=${shellQuote(ledgerPath)}
[ -e "$ledger" ] || { mkdir -p "\${ledger%/*}" && printf '%s' ${shellQuote(ledgerText)} >"$ledger"; }
exit "$failed"
`;
}

function quoted(value: string, form: RegExp): string {
  if (!form.test(value))
    throw new TypeError(`${JSON.stringify(value)} passed validation and has no place in a shell script`);
  return shellQuote(value);
}

function shellQuote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
