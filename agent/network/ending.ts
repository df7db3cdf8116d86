import { type Problem, problemOf } from "../core/errors.ts";
import { converge } from "./converge.ts";
import { type NetworkConfig, targetOf } from "./desired.ts";
import { remember } from "./history.ts";
import { bare } from "./kernel.ts";
import type { Observed } from "./observed.ts";
import type { NetworkPorts } from "./ports.ts";
import { rescueScript } from "./rescue.ts";
import { standInAddresses } from "./rescue-vlan.ts";
import type { FailedConfig, Pending, RepairSteps, Undone } from "./state.ts";
import type { Target } from "./target.ts";

/** How many failed configurations are remembered. */
const FAILED_KEPT = 50;

/** The second half of a confirmation, which also a crash in between leads to. */
export async function finishConfirm(ports: NetworkPorts, pending: Pending, target: Target): Promise<void> {
  if (pending.repair === undefined) {
    await rememberGood(ports, pending.config, target);
    await remember(ports, pending, "confirmed");
  }
  await ports.state.remove("confirmed");
  await ports.deadMan.disarm();
}

/** Last good network, ledger and rescue script, always together. What is proven good has not failed any more. */
export async function rememberGood(ports: NetworkPorts, config: NetworkConfig, target: Target): Promise<void> {
  const { state, clock } = ports;
  const failed = (await state.read("failed"))?.configs ?? [];
  const kept = failed.filter(({ hash }) => hash !== config.hash);
  if (kept.length < failed.length) await state.write("failed", { configs: kept });
  await state.write("ledger", { addresses: target.addresses });
  await writeRescue(ports, target);
  await state.write("last-good", { config, confirmedAt: new Date(clock.now()).toISOString() });
}

/** The kernel may call the NICs otherwise than when the script was written, which has only their names. What kept it from being written. */
export async function renewRescue(
  ports: NetworkPorts,
  lastGood: NetworkConfig,
  observed: Observed,
): Promise<readonly Problem[]> {
  try {
    await writeRescue(ports, targetOf(lastGood, observed));
    return [];
  } catch (error) {
    return [problemOf(error)];
  }
}

async function writeRescue({ state, ledgerPath, writeRescue }: NetworkPorts, target: Target): Promise<void> {
  const ledger = state.render("ledger", { addresses: [...target.addresses, ...standInAddresses(target)] });
  await writeRescue(rescueScript(target, ledgerPath, ledger));
}

/**
 * The second half of a rollback, which also a crash in between leads to. `blamed`: a repair was the cause, and is not to be done
 * again while the host is reachable without it.
 */
export async function finishRollback(
  ports: NetworkPorts,
  pending: Pending,
  reason: string,
  signal: AbortSignal,
  blamed = true,
): Promise<void> {
  const { state, deadMan, announce } = ports;
  // The way back comes first, and needs no room on the disk; what is written after it can wait for some.
  await converge(ports, () => pending.preImage, signal, { insist: true, regardless: true }).catch((error: unknown) => {
    // From a repair there is another way back: the last good network itself.
    if (pending.repair === undefined || problemOf(error).code !== "E_NETWORK_NOT_CONVERGING") throw error;
  });
  // The switches look for the host where the change had put it.
  for (const { device, address } of pending.preImage.given?.addresses ?? []) announce(device, bare(address));
  if (pending.repair === undefined) {
    await rememberFailed(ports, pending.config.hash, reason);
    await state.write("ledger", { addresses: pending.preImage.addresses });
    await remember(ports, pending, "rolled-back", reason);
  } else if (blamed) await rememberUndone(ports, pending.repair, reason);
  await state.remove("rolling-back");
  await deadMan.disarm();
}

/** What a repair that was taken back leaves behind. */
export function undoneBy({ steps, about }: RepairSteps, reason: string, bootId: string): Undone {
  const problem: Problem = {
    code: "E_NETWORK_REPAIR_UNDONE",
    message: `${about.join(", ")}: this differs from the last good network, and stays as it is: after putting it back ${reason}`,
    hint: "Write what is there into the configuration and apply it, or mend the switches and: devcloud-agent network apply",
  };
  return { steps, problem, bootId };
}

async function rememberUndone(ports: NetworkPorts, repair: RepairSteps, reason: string): Promise<void> {
  const undone = undoneBy(repair, reason, ports.bootId);
  ports.report({ event: "repair-undone", problem: undone.problem });
  // On a full disk the next process tries the repair again, if it finds room for the record of that.
  await ports.state.write("undone", undone).catch(() => undefined);
}

export async function rememberFailed(ports: NetworkPorts, hash: string, reason: string): Promise<void> {
  const configs = (await ports.state.read("failed"))?.configs ?? [];
  const entry: FailedConfig = { hash, reason, at: new Date(ports.clock.now()).toISOString() };
  const kept = [...configs.filter((other) => other.hash !== hash), entry].slice(-FAILED_KEPT);
  await ports.state.write("failed", { configs: kept });
}
