/**
 * The host model for whoever renders it and does not run it: the same schema, checks and settings that the agent reads a host by.
 * kickstart/ knows this file and settings.ts, and nothing else of the agent.
 */
export type { Problem } from "../core/errors.ts";
export { contains, formatIp, parseCidr, parseIp } from "../core/ip.ts";
export { hashOf } from "./hash.ts";
export { type LoadResult, parseMaps } from "./load.ts";
export { merge } from "./merge.ts";
export { suggest } from "./nearest.ts";
export { unknownKeys, wrongValues } from "./structure.ts";
export { type At, formatPath, locate, type MapNode, type Node, type Path, toPlain } from "./tree.ts";
export { deviceName, isHostName } from "./values.ts";
export { parseYaml } from "./yaml.ts";
