import type { Deployment } from "../collectors/os/os.ts";
import type { OsView } from "./os/os.ts";

/** The deployments of this host in the terms of their collector. */
export function osDeployments(view: OsView): readonly Deployment[] {
  if (view.state !== "known") return [];
  return view.deployments.deployments.map(({ role, checksum, version }) => ({
    role,
    checksum,
    ...(version === undefined ? {} : { version }),
  }));
}
