import { deploymentOf, type Role } from "./os/deployments.ts";
import type { OsView } from "./os/os.ts";

/** What a controller is told of; the others are kept and nothing follows from them. */
const roles: readonly Role[] = ["booted", "staged", "pending", "rollback"];

/** The deployments of this host as attributes of its description; none of them before they were looked at. Pure. */
export function osAttributes(view: OsView): Readonly<Record<string, string>> {
  if (view.state === "unknown") return {};
  if (view.state === "absent") return none(view.reason);
  const { deployments } = view;
  if (deployments.deployments.length === 0) return none(`${deployments.source} lists none`);
  const attributes = roles.flatMap((role): readonly (readonly [string, string])[] => {
    const deployment = deploymentOf(role, deployments);
    if (deployment === undefined) return [];
    const { checksum, version } = deployment;
    const of = `os.deployment.${role}`;
    return [[`${of}.checksum`, checksum], ...(version === undefined ? [] : [[`${of}.version`, version] as const])];
  });
  return Object.fromEntries(attributes);
}

function none(reason: string): Readonly<Record<string, string>> {
  return { "os.deployments": "none", "os.deployments_reason": reason };
}
