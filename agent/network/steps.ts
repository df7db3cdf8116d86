import type { Drift, Risk } from "../core/step.ts";
import { type AdoptStep, adoptKinds } from "./adopt-steps.ts";
import type {
  AddressTarget,
  BridgeColumns,
  BridgeTarget,
  InterfaceColumns,
  InterfaceTarget,
  PortColumns,
  PortTarget,
  RouteTarget,
  VlanTarget,
} from "./target.ts";

interface Reason {
  readonly why: string;
  readonly risk: Risk;
}

/** Steps that become operations of the one OVSDB transaction. */
export type OvsStep =
  | ({ readonly kind: "create-bridge"; readonly bridge: Omit<BridgeTarget, "ports"> } & Reason)
  | ({ readonly kind: "remove-bridge"; readonly bridge: string } & Reason)
  | ({ readonly kind: "update-bridge"; readonly name: string; readonly columns: BridgeColumns } & Changes & Reason)
  | ({ readonly kind: "create-port"; readonly bridge: string; readonly port: PortTarget } & Reason)
  | ({ readonly kind: "remove-port"; readonly bridge: string; readonly port: string } & Reason)
  | ({ readonly kind: "update-port"; readonly name: string; readonly columns: PortColumns } & Changes & Reason)
  | ({ readonly kind: "add-interface"; readonly port: string; readonly interface: InterfaceTarget } & Reason)
  | ({ readonly kind: "remove-interface"; readonly port: string; readonly interface: string } & Reason)
  | ({ readonly kind: "update-interface"; readonly name: string; readonly columns: InterfaceColumns } & Changes &
      Reason)
  | ({ readonly kind: "add-manager"; readonly target: string } & Reason)
  | ({ readonly kind: "remove-manager"; readonly target: string } & Reason)
  | ({ readonly kind: "set-external-id"; readonly key: string; readonly value: string | null } & Changes & Reason);

/** Steps that become lines of one `ip -batch`. */
export type IpStep =
  | ({ readonly kind: "remove-vlan"; readonly device: string } & Reason)
  | ({ readonly kind: "add-vlan" } & VlanTarget & Reason)
  | ({ readonly kind: "link-up"; readonly device: string } & Reason)
  | ({ readonly kind: "add-address"; readonly early?: true } & AddressTarget & Reason)
  | ({ readonly kind: "remove-address" } & AddressTarget & Reason)
  | ({ readonly kind: "add-route" } & RouteTarget & Reason)
  | ({ readonly kind: "remove-route" } & RouteTarget & Reason)
  | AdoptStep;

/** Steps that write a file: a configuration, or a switch of the kernel. */
export type FileStep =
  | ({ readonly kind: "write-system-id"; readonly value: string } & Reason)
  | ({ readonly kind: "write-resolv-conf" } & ResolvConf & Changes & Reason)
  | ({ readonly kind: "set-dns" } & LinkDns & Changes & Reason)
  | ({ readonly kind: "set-ipv6"; readonly device: string } & Ipv6Switch & Reason);

/** The whole of resolv.conf; `null`: it must not be there. */
export interface ResolvConf {
  readonly text: string | null;
}

/** What systemd-resolved asks by way of a device. */
export interface LinkDns {
  readonly device: string;
  readonly servers: readonly string[];
}

/** `disable_ipv6`: nothing of IPv6 is spoken on the device. `accept_ra`: whether routers configure it. */
export interface Ipv6Switch {
  readonly setting: "disable_ipv6" | "accept_ra";
  readonly value: 0 | 1;
}

/** The difference between what is and what has to be, as data: every step can be printed, stored and applied. */
export type Step = OvsStep | IpStep | FileStep;

interface Changes {
  readonly drift: readonly Drift[];
}

const ipKinds: ReadonlySet<string> = new Set<IpStep["kind"]>([
  "remove-vlan",
  "add-vlan",
  "link-up",
  "add-address",
  "remove-address",
  "add-route",
  "remove-route",
  ...adoptKinds,
]);

export function isIpStep(step: Step): step is IpStep {
  return ipKinds.has(step.kind);
}

const fileKinds: ReadonlySet<string> = new Set<FileStep["kind"]>([
  "write-system-id",
  "write-resolv-conf",
  "set-dns",
  "set-ipv6",
]);

export function isFileStep(step: Step): step is FileStep {
  return fileKinds.has(step.kind);
}

export function isOvsStep(step: Step): step is OvsStep {
  return !isIpStep(step) && !isFileStep(step);
}
