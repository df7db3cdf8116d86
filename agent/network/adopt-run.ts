import { AgentError } from "../core/errors.ts";
import type { ProbeResult } from "../core/probe.ts";
import { type Adoption, stagesOf } from "./adopt.ts";
import { type Converged, converge, observe } from "./converge.ts";
import { anyCarrier } from "./faults.ts";
import { bare } from "./kernel.ts";
import type { Observed } from "./observed.ts";
import type { ChangeStep, NetworkPorts } from "./ports.ts";
import { describeProbe } from "./probes.ts";
import type { Target } from "./target.ts";

export interface AdoptOptions {
  readonly onStep: (step: ChangeStep) => void;
  /** Monotonic milliseconds until which the first NICs may take to work. */
  readonly until: number;
  readonly pauseMs: number;
  /** One round of the change's probes. */
  readonly probe: () => Promise<readonly ProbeResult[]>;
  /** Called at every round of waiting: it gets somewhere. */
  readonly progress: () => void;
}

/**
 * Moves what the kernel holds to the ports of a target: through NICs that carry nothing where there are such, so that there is a
 * way at every moment, else in one cut. Throws what `converge` throws, and E_NETWORK_UNCONFIRMED when nobody answers half-way.
 */
export async function adopt(
  ports: NetworkPorts,
  targetFor: (observed: Observed) => Target,
  adoption: Adoption,
  { onStep, until, pauseMs, probe, progress }: AdoptOptions,
  signal: AbortSignal,
): Promise<Converged> {
  const { first, last, image } = adoption;
  const reach = async (stage: Exclude<keyof ReturnType<typeof stagesOf>, "whole">): Promise<void> => {
    // What stands against it was asked about before anything was touched; half-way there is only on or back.
    await converge(ports, (observed) => stagesOf(targetFor(observed), adoption)[stage], signal, { insist: true });
    onStep(stage);
  };
  const wait = async <T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> => {
    for (;;) {
      const answer = await ask();
      progress();
      if (done(answer) || ports.clock.monotonic() >= until) return answer;
      await ports.clock.sleep(pauseMs, signal);
    }
  };
  const announce = ({ addresses }: Target): void => {
    for (const { device, address } of addresses) ports.announce(device, bare(address));
  };
  const enslaved = image.links.filter(({ master }) => master !== undefined).map(({ name }) => name);

  await reach("prepared");
  if (first.length > 0 && last.length > 0) {
    if (first.some((nic) => enslaved.includes(nic))) await reach("released");
    await reach("standby");
    const carries = await wait(
      async () => anyCarrier(first, await observe(ports, signal)),
      (carrier) => carrier,
    );
    if (carries) {
      await reach("moved");
      announce(targetFor(await observe(ports, signal)));
      const results = await wait(probe, (round) => round.every(({ ok }) => ok));
      refuseSilence(results);
    }
  }
  // Open vSwitch cannot have a NIC that a bond of the kernel has.
  if (last.some((nic) => enslaved.includes(nic))) await reach("freed");
  const full = (observed: Observed): Target => stagesOf(targetFor(observed), adoption).whole;
  const done = await converge(ports, full, signal, { onStep });
  announce(done.target);
  return done;
}

function refuseSilence(results: readonly ProbeResult[]): void {
  const silent = results.filter(({ ok }) => !ok);
  if (silent.length === 0) return;
  throw new AgentError({
    code: "E_NETWORK_UNCONFIRMED",
    message: `over the first NIC ${silent.map(describeProbe).join("; ")}`,
    hint: "Do the switch ports of both NICs carry the VLANs?",
  });
}
