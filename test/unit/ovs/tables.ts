import { defineDatabase, integer, map, optional, set, string, uuid } from "node-ovsdb";

/** The tables that these tests use. */
export const vswitch = defineDatabase("Open_vSwitch", {
  Open_vSwitch: { next_cfg: integer(), cur_cfg: integer(), bridges: set(uuid()), external_ids: map() },
  Bridge: {
    name: string(),
    datapath_type: string(),
    ports: set(uuid()),
    fail_mode: optional(string()),
    other_config: map(),
    external_ids: map(),
  },
  Port: {
    name: string(),
    interfaces: set(uuid()),
    tag: optional(integer()),
    trunks: set(integer()),
    external_ids: map(),
  },
  Interface: { name: string(), type: string(), ofport: optional(integer()), error: optional(string()) },
});
