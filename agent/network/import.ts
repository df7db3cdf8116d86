import { importKernel } from "./import-kernel.ts";
import { importOvs } from "./import-ovs.ts";
import type { ImportResult, ImportView } from "./import-parts.ts";

/** The network of a host as it stands, in the terms of the configuration. Pure. */
export function importNetwork(view: ImportView): ImportResult {
  const { ovs } = view;
  const carries = ovs?.ports.some((port) => port.interfaces.length > 1) === true;
  return ovs !== undefined && carries ? importOvs(view, ovs) : importKernel(view);
}
