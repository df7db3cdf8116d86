import { boolean, defineDatabase, integer, map, type Row, set, string, uuid } from "node-ovsdb";

/**
 * The columns that the agent reads or writes (ovs-vswitchd.conf.db(5)). Optional columns are declared as sets: empty means
 * "not set", and the value survives JSON, in which the snapshot for a rollback is kept.
 */
export const vswitch = defineDatabase("Open_vSwitch", {
  Open_vSwitch: {
    bridges: set(uuid()),
    manager_options: set(uuid()),
    external_ids: map(),
    next_cfg: integer(),
    cur_cfg: integer(),
    ovs_version: set(string()),
  },
  Bridge: {
    name: string(),
    ports: set(uuid()),
    datapath_type: string(),
    datapath_id: set(string()),
    fail_mode: set(string()),
    controller: set(uuid()),
    stp_enable: boolean(),
    rstp_enable: boolean(),
    other_config: map(),
    external_ids: map(),
  },
  Port: {
    name: string(),
    interfaces: set(uuid()),
    vlan_mode: set(string()),
    tag: set(integer()),
    trunks: set(integer()),
    bond_mode: set(string()),
    lacp: set(string()),
    bond_updelay: integer(),
    bond_downdelay: integer(),
    bond_active_slave: set(string()),
    other_config: map(),
    external_ids: map(),
  },
  Interface: {
    name: string(),
    type: string(),
    mac: set(string()),
    mtu_request: set(integer()),
    options: map(),
    external_ids: map(),
    mac_in_use: set(string()),
    link_state: set(string()),
    ofport: set(integer()),
    error: set(string()),
  },
  Manager: { target: string(), external_ids: map() },
});

export type Vswitch = typeof vswitch;
export type OpenVswitchRow = Row<Vswitch, "Open_vSwitch">;
export type BridgeRow = Row<Vswitch, "Bridge">;
export type PortRow = Row<Vswitch, "Port">;
export type InterfaceRow = Row<Vswitch, "Interface">;
export type ManagerRow = Row<Vswitch, "Manager">;
