import type { Container } from "./observed.ts";

/**
 * Whether a restart would apply configuration that the container has not run with: Kolla copies it at every start
 * (COPY_ALWAYS). Where the hash at the start is not known, files that are younger than the start count as pending; a folder that
 * cannot be read always does.
 */
export function pendingConfig({ config, env, startedAt }: Container, startedWith: string | undefined): boolean {
  if (config === undefined || startedAt === undefined || env.KOLLA_CONFIG_STRATEGY === "COPY_ONCE") return false;
  if (config === "unreadable") return true;
  return startedWith === undefined ? config.changedAt > startedAt : config.hash !== startedWith;
}
