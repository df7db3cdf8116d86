import { converge } from "./converge.ts";
import type { NetworkConfig } from "./desired.ts";
import { remember } from "./history.ts";
import { bare } from "./kernel.ts";
import type { NetworkPorts } from "./ports.ts";
import { rescueScript } from "./rescue.ts";
import { standInAddresses } from "./rescue-vlan.ts";
import type { FailedConfig, Pending } from "./state.ts";
import type { Target } from "./target.ts";

/** How many failed configurations are remembered. */
const FAILED_KEPT = 50;

/** The second half of a confirmation, which also a crash in between leads to. */
export async function finishConfirm(ports: NetworkPorts, pending: Pending, target: Target): Promise<void> {
  await rememberGood(ports, pending.config, target);
  await remember(ports, pending, "confirmed");
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
  await ports.writeRescue(
    rescueScript(
      target,
      ports.ledgerPath,
      state.render("ledger", { addresses: [...target.addresses, ...standInAddresses(target)] }),
    ),
  );
  await state.write("last-good", { config, confirmedAt: new Date(clock.now()).toISOString() });
}

/** The second half of a rollback, which also a crash in between leads to. */
export async function finishRollback(
  ports: NetworkPorts,
  pending: Pending,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  // The way back comes first, and needs no room on the disk; what is written after it can wait for some.
  await converge(ports, () => pending.preImage, signal, { insist: true, regardless: true });
  // The switches look for the host where the change had put it.
  for (const { device, address } of pending.preImage.given?.addresses ?? []) ports.announce(device, bare(address));
  await rememberFailed(ports, pending.config.hash, reason);
  await ports.state.write("ledger", { addresses: pending.preImage.addresses });
  await remember(ports, pending, "rolled-back", reason);
  await ports.state.remove("rolling-back");
  await ports.deadMan.disarm();
}

export async function rememberFailed(ports: NetworkPorts, hash: string, reason: string): Promise<void> {
  const configs = (await ports.state.read("failed"))?.configs ?? [];
  const entry: FailedConfig = { hash, reason, at: new Date(ports.clock.now()).toISOString() };
  const kept = [...configs.filter((other) => other.hash !== hash), entry].slice(-FAILED_KEPT);
  await ports.state.write("failed", { configs: kept });
}
