import type { ContainerState } from "../collectors/containers/containers.ts";
import { AgentError } from "./core/errors.ts";
import type { ContainersStatus } from "./web/status.ts";

/**
 * The containers of this host in the terms of their collector; undefined before Docker was there once.
 *
 * @throws AgentError what keeps Docker from answering now: the list would be that of a moment gone by
 */
export async function containerStates(
  status: ContainersStatus | undefined,
): Promise<readonly ContainerState[] | undefined> {
  const seenAt = status?.observedAt;
  if (status === undefined || seenAt === undefined) return undefined;
  // Absent is no better than unreachable: most of what was seen last has ended with Docker.
  if ("problem" in status.docker) throw new AgentError(status.docker.problem);
  return status.list.flatMap(({ id, image, name, state, health, startedAt, restarts, verdict, reason }) =>
    id === undefined
      ? []
      : [
          {
            id,
            name,
            image: image ?? "",
            state,
            ...(health === "none" ? {} : { health }),
            ...(startedAt === undefined ? {} : { startedAt }),
            seenAt,
            restarts,
            verdict,
            reason,
          },
        ],
  );
}
