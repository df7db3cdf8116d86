import { type Problem, problemOf } from "../core/errors.ts";
import type { HostObserved } from "./observed.ts";
import { sameAddress } from "./plan-host.ts";
import type { NetworkPorts } from "./ports.ts";
import type { AddressTarget } from "./target.ts";

/**
 * An address is in the ledger before it is on the host: a crash in between must not make it a stranger's. One that was there
 * before us becomes ours only with the confirmation: a rollback must leave it.
 */
export async function remember(
  ports: NetworkPorts,
  { ledger, kernel }: HostObserved,
  wanted: readonly AddressTarget[],
): Promise<void> {
  await add(ports, ledger, missing(wanted, [...ledger, ...kernel.addresses]));
}

/**
 * The addresses of the last good network are ours, as its confirmation said. Those that a full disk once kept out of the ledger
 * get into it as soon as there is room. What is wrong, if they do not.
 */
export async function rememberOwn(
  ports: NetworkPorts,
  { ledger }: HostObserved,
  wanted: readonly AddressTarget[],
): Promise<readonly Problem[]> {
  try {
    await add(ports, ledger, missing(wanted, ledger));
    return [];
  } catch (error) {
    return [problemOf(error)];
  }
}

function missing(wanted: readonly AddressTarget[], known: readonly AddressTarget[]): readonly AddressTarget[] {
  return wanted.filter((entry) => !known.some((other) => sameAddress(other, entry)));
}

async function add({ state }: NetworkPorts, ledger: readonly AddressTarget[], added: readonly AddressTarget[]) {
  if (added.length > 0) await state.write("ledger", { addresses: [...ledger, ...added] });
}
