import type { NetworkSettings } from "../../config/settings.ts";
import type { Problem } from "../../core/errors.ts";
import { bridgeOf, findBridge, type Observed } from "../observed.ts";
import type { NeutronTold } from "./told.ts";

/** What Neutron does to its bridges is its own matter, but for two things. */
export function bridgeFindings(network: NetworkSettings, told: NeutronTold, { ovs }: Observed): readonly Problem[] {
  const { value: datapath, at } = told.datapath;
  const other =
    datapath === network.datapath
      ? []
      : [
          {
            code: "E_NEUTRON_DATAPATH",
            message: `Neutron's agent gives its bridges the datapath ${datapath}, and ${network.bridge} has ${network.datapath}: a patch port joins bridges of one datapath only`,
            ...at,
            hint: `Set datapath_type = ${network.datapath} under [ovs].`,
          },
        ];
  const own = findBridge(ovs, network.bridge);
  const secured = own !== undefined && (own.fail_mode[0] === "secure" || own.controller.length > 0);
  const loose = ovs.ports.filter(
    (port) => port.name.startsWith("phy-") && bridgeOf(ovs, port)?.name === network.bridge,
  );
  if (!secured && loose.length === 0) return other;
  return [
    ...other,
    {
      code: "E_NEUTRON_UPLINK",
      message: `${network.bridge} is under somebody's control: ${secured ? "secure, or with a controller" : `${loose.map(({ name }) => name).join(", ")} is on it`}`,
      hint: `Whoever does it must be given another bridge. Then: ovs-vsctl del-controller ${network.bridge}; ovs-vsctl set-fail-mode ${network.bridge} standalone`,
    },
  ];
}

/** Neutron finds OVSDB by the Manager, and computes are told apart by what the root row says. */
export function identityFindings(told: NeutronTold, { ovs, systemIdFile }: Observed): readonly Problem[] {
  const { value, at } = told.ovsdb;
  const address = /^tcp:(.+):(\d+)$/.exec(value);
  const target = address === null ? undefined : `ptcp:${address[2]}:${address[1]}`;
  const listening = target === undefined || ovs.managers.some((manager) => manager.target === target);
  const id = ovs.root.external_ids["system-id"];
  const plan = "devcloud-agent network plan says what is to be done.";
  const wrong = [
    ...(listening
      ? []
      : [
          {
            message: `Neutron's agent asks for OVSDB at ${value}, and nothing listens there`,
            hint: `Manager ${target}. ${plan}`,
            ...at,
          },
        ]),
    ...(id === undefined ? [{ message: "external_ids of Open vSwitch have no system-id", hint: plan }] : []),
    ...(ovs.root.external_ids.hostname === undefined
      ? [
          {
            message: "external_ids of Open vSwitch have no hostname",
            hint: "Set host.name in this host's configuration.",
          },
        ]
      : []),
    ...(id === undefined || systemIdFile === undefined || systemIdFile === id
      ? []
      : [
          {
            message: `system-id is ${id}, and system-id.conf has ${systemIdFile}, which it becomes at the next start`,
            hint: plan,
          },
        ]),
  ];
  return wrong.map((each) => ({ code: "E_NEUTRON_HOST", ...each }));
}

/** Overlay networks leave by this host's own address. */
export function tunnelFindings({ localIp, globalMtu }: NeutronTold, { kernel }: Observed): readonly Problem[] {
  if (localIp === undefined) return [];
  const { value, at } = localIp;
  const held = kernel.addresses.find(({ address }) => address.split("/")[0] === value);
  if (held === undefined) {
    const message = `local_ip is ${value}, and no device of this host has it: neutron-openvswitch-agent ends at its start`;
    return [{ code: "E_NEUTRON_TUNNEL", message, ...at, hint: "In Kolla: tunnel_interface (or network_interface)." }];
  }
  const mtu = kernel.links.find(({ name }) => name === held.device)?.mtu;
  if (mtu === undefined || mtu >= globalMtu.value) return [];
  return [
    {
      code: "E_NEUTRON_MTU",
      message: `overlay networks are made for MTU ${globalMtu.value}, and ${held.device}, which has local_ip, for ${mtu}: larger frames are lost`,
      ...globalMtu.at,
      hint: `Raise network.addresses.${held.device}.mtu, or lower global_physnet_mtu.`,
    },
  ];
}
