import type { Problem } from "../core/errors.ts";
import type { Drift } from "../core/step.ts";
import { exitText } from "./exit-class.ts";
import { reasons } from "./reasons.ts";
import type { ContainerStatus } from "./status.ts";

/** What a person has to know of the containers, the worst first. */
export function problemsOf(statuses: readonly ContainerStatus[]): readonly Problem[] {
  const critical = statuses.filter(({ reason }) => reason === "openvswitch-running");
  const rest = statuses.filter(({ reason }) => reason !== "openvswitch-running");
  return [...critical, ...rest].flatMap((status) => [...ofVerdict(status), ...ofDrift(status)]);
}

function ofVerdict(status: ContainerStatus): readonly Problem[] {
  const { name, verdict, reason, cause } = status;
  const hint = `devcloud-agent containers why ${name}`;
  const message = `container ${name}: ${explain(status)}`;
  if (reason === "openvswitch-running")
    return [{ code: "E_CONTAINER_OPENVSWITCH", message, hint: `docker rm -f ${name}` }];
  if (verdict === "alert") return [{ code: "E_CONTAINER_ALERT", message, hint }];
  if (verdict === "hold" && cause !== undefined) return [{ code: "E_CONTAINER_HELD", message, hint }];
  if (status.lastAction?.result === "failed" && verdict !== "ok") {
    return [
      {
        code: "E_CONTAINER_RESTART",
        message: `container ${name}: a restart failed: ${status.lastAction.detail ?? ""}`,
        hint,
      },
    ];
  }
  return [];
}

function ofDrift({ name, drift }: ContainerStatus): readonly Problem[] {
  return drift.map((each) => ({
    code: "E_CONTAINER_DRIFT",
    message: `container ${name}: ${explainDrift(each)}`,
    hint: "Only kolla-ansible changes containers: deploy, or correct `containers.manifest`.",
  }));
}

/** A difference in a sentence. */
export function explainDrift({ field, current, desired }: Drift): string {
  if (field === "environment") return `its environment is not as declared: ${String(current)}`;
  return `its ${field} is ${JSON.stringify(current)} and should be ${JSON.stringify(desired)}`;
}

/** A verdict in a sentence: what is, and why nothing else is done. */
export function explain({ reason, cause, exit }: Pick<ContainerStatus, "reason" | "cause" | "exit">): string {
  const ended = exit === undefined ? "" : ` (exit code ${exit.code}: ${exitText(exit)})`;
  const what = cause === undefined || cause === reason ? "" : `${reasons[cause][1]}; `;
  return `${what}${reasons[reason][1]}${ended}`;
}
