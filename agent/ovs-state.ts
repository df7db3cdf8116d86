import type { OvsState } from "../collectors/ovs/ovs.ts";
import { interfacesOf, type OvsObserved, portsOf } from "./network/observed.ts";
import { activeMember } from "./network/uplinks/failover.ts";

/** The replica of Open vSwitch's database in the terms of its collector. */
export function ovsState(ovs: OvsObserved): OvsState {
  const [version] = ovs.root.ovs_version;
  return {
    ...(version === undefined ? {} : { version }),
    bridges: ovs.bridges.map((bridge) => ({
      name: bridge.name,
      ports: portsOf(ovs, bridge).map((port) => {
        const interfaces = interfacesOf(ovs, port);
        const active = activeMember(ovs, port.name);
        return {
          name: port.name,
          interfaces: interfaces.map(({ name, type, link_state: [link], error: [error] }) => ({
            name,
            type,
            ...(link === "up" || link === "down" ? { link } : {}),
            ...(error === undefined ? {} : { error }),
          })),
          // A port with several interfaces is a bond (ovs-vswitchd.conf.db(5)).
          ...(interfaces.length > 1 ? { bond: active === undefined ? {} : { active } } : {}),
        };
      }),
    })),
  };
}
