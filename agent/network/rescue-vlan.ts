import { kernelVlanName } from "./ladder/targets.ts";
import { addressPattern, devicePattern, quoted, shellQuote } from "./rescue-text.ts";
import { type AddressTarget, ROUTE_METRIC, ROUTE_PROTOCOL, type Target } from "./target.ts";

/** The target's addresses where the rescue may put them, VLANs of the kernel and NICs, for the ledger: the agent moves what it finds there. */
export function standInAddresses(target: Target): readonly AddressTarget[] {
  const nics = uplinkOf(target)?.interfaces ?? [];
  return target.addresses.flatMap(({ device, address }) => {
    const id = vlanOf(device, target);
    const devices = id === undefined ? nics.map(({ name }) => name) : [kernelVlanName(id)];
    return devices.map((standIn) => ({ device: standIn, address }));
  });
}

/** The part of the rescue without Open vSwitch: VLANs of the kernel, on the first NIC from which a gateway answers. */
export function spareScript(target: Target): string {
  const nics = uplinkOf(target)?.interfaces.map(({ name }) => quoted(name, devicePattern)) ?? [];
  const devices = [...new Set(target.addresses.map(({ device }) => device))];
  const ids = [...new Set(devices.flatMap((device) => vlanOf(device, target) ?? []))];
  // Untagged on the cable, and so on the NIC itself.
  const on = (device: string): string => {
    const id = vlanOf(device, target);
    return id === undefined ? '"$1"' : quoted(kernelVlanName(id), devicePattern);
  };
  const made = ids.map((id) => {
    const name = quoted(kernelVlanName(id), devicePattern);
    return `ip link add link "$1" name ${name} type vlan id ${id} && ip link set dev ${name} up`;
  });
  const addressed = target.addresses.map(({ device, address }) => {
    const nodad = address.includes(":") ? " nodad" : "";
    return `ip address replace ${quoted(address, addressPattern)} dev ${on(device)}${nodad}`;
  });
  const routed = target.routes.map(({ to, via, device }) => {
    const net = to === "default" ? "default" : quoted(to, addressPattern);
    const path = `via ${quoted(via, addressPattern)} dev ${on(device)}`;
    return `ip route replace ${net} ${path} proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`;
  });
  const asked = target.routes.map(
    ({ via, device }) => `ping -n -c 2 -W 2 -I ${on(device)} ${quoted(via, addressPattern)} >/dev/null 2>&1`,
  );
  const removed = [
    ...ids.map((id) => `ip link delete dev ${quoted(kernelVlanName(id), devicePattern)}`),
    ...target.addresses
      .filter(({ device }) => vlanOf(device, target) === undefined)
      .map(({ address }) => `ip address delete ${quoted(address, addressPattern)} dev "$1"`),
  ];
  return `spare() {
  ${[...made, ...addressed, ...routed].join(" &&\n  ") || ":"}
}
answers() {
  ${asked.join(" ||\n  ") || ":"}
}
unspare() {
  ${removed.map((line) => `${line} 2>/dev/null`).join("\n  ") || ":"}
}
for nic in ${nics.join(" ")}; do
  # Of an earlier try.
  unspare "$nic"
  ip link show dev "$nic" | grep -q LOWER_UP || continue
  # A port that leads nowhere would have the way to the gateway.
  ${devices.map((device) => `ip link set dev ${quoted(device, devicePattern)} down 2>/dev/null`).join("\n  ") || ":"}
  spare "$nic" && answers "$nic" && { remember; exit 0; }
  unspare "$nic"
done
echo "devcloud-agent rescue: no gateway answers on any NIC" >&2`;
}

/** Whether Open vSwitch has a NIC with carrier: it makes the ports also where the NICs have other names by now. */
export function carriedScript(target: Target): string {
  const nics = uplinkOf(target)?.interfaces.map(({ name }) => quoted(name, devicePattern)) ?? [];
  const inUserspace = target.bridges.some(({ columns }) => columns.datapath_type === "netdev");
  // Of its own ports the kernel tells whose they are.
  const shown = inUserspace ? "LOWER_UP" : "LOWER_UP.* master ovs-system ";
  return `carried() {
  for nic in ${nics.join(" ")}; do
    ip link show dev "$nic" 2>/dev/null | grep -q ${shellQuote(shown)} && return 0
  done
  return 1
}`;
}

function uplinkOf({ bridges }: Target) {
  return bridges.flatMap(({ ports }) => ports).find(({ columns }) => columns.bond_mode !== undefined);
}

/** Absent: without a tag on the cable. */
function vlanOf(device: string, target: Target): number | undefined {
  const uplink = uplinkOf(target);
  const native = uplink?.columns.vlan_mode?.[0] === "native-untagged" ? uplink.columns.tag?.[0] : undefined;
  const tag = target.bridges.flatMap(({ ports }) => ports).find(({ name }) => name === device)?.columns.tag?.[0];
  return tag === native ? undefined : tag;
}
