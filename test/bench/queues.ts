import { defineDatabase, integer, map, optional } from "node-ovsdb";

/** Tables of Open vSwitch whose rows need nothing else: many of them are quickly made. */
export const queues = defineDatabase("Open_vSwitch", {
  Open_vSwitch: { external_ids: map() },
  Queue: { dscp: optional(integer()), external_ids: map(), other_config: map() },
});
