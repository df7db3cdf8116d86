import { crc32 } from "node:zlib";
import type { NetworkSettings } from "../agent/config/settings.ts";
import type { Management } from "./network-line.ts";
import { quoted } from "./shell.ts";

/** As the agent marks and ranks its own routes: another default route beside them would win, and never be removed. */
const OUR_ROUTE = "proto 220 metric 90";

/**
 * /etc/devcloud-agent/rescue.sh: the management address without Node, until the agent has a last good network and with it a rescue
 * script of its own. Either Open vSwitch has the port, because the agent made it once; or, where the agent's program does not run
 * at all, the first NIC from which the gateway answers: a kernel VLAN on it, or the NIC itself where the cable has no tag.
 */
export function rescueScript({ nics, bond }: NetworkSettings, management: Management): string {
  const { device, cidr, gateway, family, vlan } = management;
  const members = bond.members.flatMap((nic) => nics[nic]?.mac ?? []);
  const spare = vlan === undefined ? untagged : taggedWith(vlan, cidr);
  const nodad = family === 6 ? " nodad" : "";
  return `#!/bin/sh
# Written by kickstart, for a host whose agent has no last good network yet.
set -u
say() { echo "devcloud-agent rescue: $*" >&2; }
device=${quoted(device)} address=${quoted(cidr)} gateway=${quoted(gateway)}

address_on() {
  ip link set dev "$1" up && ip address replace "$address" dev "$1"${nodad} &&
    ip route replace default via "$gateway" dev "$1" ${OUR_ROUTE}
}
answers() { ping -${family} -c 1 -W 2 -I "$1" "$gateway" >/dev/null 2>&1; }
# The name of a NIC is the kernel's; its MAC address is in the model.
nic_of() {
  for file in /sys/class/net/*/address; do
    folder=\${file%/address}
    [ -e "$folder/device" ] && [ "$(cat "$file")" = "$1" ] && { echo "\${folder##*/}"; return 0; }
  done
  return 1
}

for mac in ${members.map(quoted).join(" ")}; do
  nic=$(nic_of "$mac") && ip link set dev "$nic" up
done

tries=0
until ip link show dev "$device" >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -ge 30 ] && break
  sleep 1
done
if ip link show dev "$device" >/dev/null 2>&1; then
  address_on "$device" || exit 1
  say "$address is on $device"
  exit 0
fi

# A sound program makes the port itself, and an address beside the bond would be in its way.
if devcloud-agent version >/dev/null 2>&1; then
  say "Open vSwitch has no $device yet; that is for the agent"
  exit 1
fi
${spare}
for mac in ${members.map(quoted).join(" ")}; do
  nic=$(nic_of "$mac") || continue
  spare "$nic" || continue
  if address_on "$spare" && answers "$spare"; then
    remember
    say "$address is on $where"
    exit 0
  fi
  unspare
done
say "the gateway $gateway answers on no NIC"
exit 1
`;
}

/** On a VLAN of the kernel, by the name that the agent gives it, and in the agent's ledger: what is in there it takes for its own. */
function taggedWith(vlan: number, cidr: string): string {
  const spare = `dc-vlan${vlan}`;
  const owned = JSON.stringify({ addresses: [{ device: spare, address: cidr }] });
  const ledger = `{"version":1,"crc32":${crc32(owned)},"data":${owned}}`;
  return `spare=${spare}
ledger=\${DEVCLOUD_ROOT:-}/var/lib/devcloud-agent/network/ledger.json
spare() { where="VLAN ${vlan} of $1" && ip link add link "$1" name "$spare" type vlan id ${vlan} 2>/dev/null; }
unspare() { ip link delete dev "$spare"; }
remember() { [ -e "$ledger" ] || { mkdir -p "\${ledger%/*}" && printf '%s\n' ${quoted(ledger)} >"$ledger"; }; }`;
}

/** Not in the ledger, which has the names of devices: that of the NIC is the kernel's. */
const untagged = `spare() { spare=$1 where=$1; }
unspare() {
  ip route delete default via "$gateway" dev "$spare" ${OUR_ROUTE} 2>/dev/null
  ip address delete "$address" dev "$spare"
}
remember() { :; }`;
