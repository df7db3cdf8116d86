import { Command } from "commander";
import { type Problem, problemOf } from "../../core/errors.ts";
import { lookAtLegs } from "../../legs-loop.ts";
import { observe } from "../../network/converge.ts";
import type { KernelObserved, Observed } from "../../network/observed.ts";
import { wiredOf } from "../../network-status.ts";
import { askDaemon } from "../../system/http.ts";
import { placesUnder } from "../../system/places.ts";
import type { Status } from "../../web/status.ts";
import type { Io } from "../io.ts";
import { openSession, type Session, type SessionOptions } from "../session.ts";
import { renderShown, type Shown } from "./show-render.ts";

/** What stands still for so long says nothing today. */
const LOOK_MS = 5_000;

/** `network show`: how this host is wired, from the switch ports to the addresses. */
export function showCommand(io: Io, options: () => SessionOptions, done: (code: number) => void): Command {
  return new Command("show")
    .description("show how this host is wired: switch ports, NICs, bond, VLANs, addresses")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", HELP)
    .action(async ({ json }: { json: boolean }) => done(await show(json, io, options())));
}

async function show(json: boolean, io: Io, options: SessionOptions): Promise<number> {
  await using session = await openSession(options);
  const within = AbortSignal.any([session.signal, AbortSignal.timeout(LOOK_MS)]);
  const [status, legs, { observed, kernel, problems }] = await Promise.all([
    askAgent(options.root, within),
    lookAtLegs(session.host, session.desired, session.signal),
    look(session, within),
  ]);
  const shown = shownOf(session, status, observed, kernel, legs);
  if (json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-show/v1", ...shown, problems })}\n`);
  else {
    for (const problem of problems) options.onProblem?.(problem);
    io.stdout(renderShown(shown, io));
  }
  return observed === undefined ? 1 : 0;
}

/** What only the agent knows: how the network behind the bond is, and why the host stands where it does. It may not run. */
async function askAgent(root: string, signal: AbortSignal): Promise<Status | undefined> {
  // The control socket is served by this agent alone, so that its answer has the form that it is given there.
  const asked = askDaemon(placesUnder(root).controlSocket, "GET", "/v1/status", signal) as Promise<Status | undefined>;
  return asked.catch(() => undefined);
}

interface Looked {
  readonly observed?: Observed;
  readonly kernel?: KernelObserved;
  readonly problems: readonly Problem[];
}

/** Without Open vSwitch the kernel still says where the addresses are, and that is when somebody looks. */
async function look({ host, signal }: Session, within: AbortSignal): Promise<Looked> {
  try {
    const observed = await observe(host.ports, within);
    return { observed, kernel: observed.kernel, problems: [] };
  } catch (error) {
    signal.throwIfAborted();
    const problems = [problemOf(error)];
    const kernel = await host.ports.kernel.observe(signal).catch(() => undefined);
    return kernel === undefined ? { problems } : { kernel, problems };
  }
}

function shownOf(
  { desired }: Session,
  status: Status | undefined,
  observed: Observed | undefined,
  kernel: KernelObserved | undefined,
  legs: Shown["legs"],
): Shown {
  const { network } = desired;
  const told = status?.network;
  const { bond, ...wired } = wiredOf({ ...desired, revision: 0 }, told?.rung, kernel, observed);
  return {
    bridge: network.bridge,
    bond: network.bond.name,
    members: bond?.members ?? [],
    legs,
    vlans: network.vlans,
    devices: Object.fromEntries(Object.entries(network.addresses).map(([device, { vlan }]) => [device, vlan])),
    ...wired,
    uplinks: {
      gray: told?.uplinks?.gray ?? { state: "unwatched", why: "the agent did not say" },
      avoided: observed?.avoid ?? told?.uplinks?.avoided ?? [],
    },
    agent: status === undefined ? "silent" : "answers",
    ...(status?.maintenance && { maintenance: status.maintenance }),
    ...(told?.change && { change: told.change }),
  };
}

const HELP = `
Draws a picture in a terminal whose locale is UTF-8, and prints a plain list into a pipe. Touches nothing.
Exit code: 0 done, 1 Open vSwitch did not answer; what the kernel knows is shown then.

Examples:
  devcloud-agent network show
  devcloud-agent network show --json | jq .members
`;
