import { AgentError } from "../core/errors.ts";
import type { Prober } from "../core/probe.ts";
import { type Adoption, adoptionOf } from "./adopt.ts";
import { conflicts } from "./conflicts.ts";
import type { NetworkConfig } from "./desired.ts";
import { bare, type KernelImage } from "./kernel.ts";
import type { Observed } from "./observed.ts";
import type { NetworkPorts } from "./ports.ts";
import type { Pending } from "./state.ts";
import type { Target } from "./target.ts";

/**
 * What a change takes over from the kernel; `undefined` where nothing is in its way. Throws E_NETWORK_CONFLICT where something is
 * that cannot be taken over.
 */
export async function takeOver(
  { kernel }: NetworkPorts,
  target: Target,
  observed: Observed,
  signal: AbortSignal,
): Promise<Adoption | undefined> {
  if (conflicts(target, observed).length === 0) return undefined;
  const result = adoptionOf(target, observed, await kernel.whole(signal));
  const why = result.ok ? conflicts({ ...target, taken: result.adoption.image }, observed) : result.why;
  if (result.ok && why.length === 0) return result.adoption;
  throw new AgentError({
    code: "E_NETWORK_CONFLICT",
    message: `this network cannot take over what is here: ${why.join("; ")}`,
    expected: "NICs with nothing on them but what the configuration has too",
    hint: "Add it to the configuration, or take it away first. Nothing was changed.",
  });
}

/** Where a rollback of an adoption goes back to: the kernel's part is the image's, which knows more of it. */
export function givingBack(preImage: Target, image: KernelImage): Target {
  const links = preImage.links.filter((device) => image.links.every(({ name }) => name !== device));
  return { ...preImage, links, given: image };
}

/** What the kernel must not hold any more while a change stands. */
export function takenBy({ preImage: { given } }: Pending): Pick<Target, "taken"> {
  return given === undefined ? {} : { taken: given };
}

/** A gateway is asked from where its address is now. */
export function askedNow(prober: Prober, { network }: NetworkConfig, { image }: Adoption): Prober {
  const placeOf = (device: string): string => {
    const { ipv4 = [], ipv6 = [] } = network.addresses[device] ?? {};
    const wanted = [...ipv4, ...ipv6].map(bare);
    return image.addresses.find(({ address }) => wanted.includes(bare(address)))?.device ?? device;
  };
  return {
    async probe(target, timeoutMs, signal) {
      const asked = target.kind === "gateway" ? { ...target, device: placeOf(target.device) } : target;
      return { ...(await prober.probe(asked, timeoutMs, signal)), target };
    },
  };
}
