import type { Outcome } from "../core/capability.ts";
import { AgentError, type Problem } from "../core/errors.ts";
import { Network } from "../network/network.ts";
import type { NetworkEvent } from "../network/ports.ts";
import { askDaemon } from "../system/http.ts";
import { placesUnder } from "../system/places.ts";
import type { Status } from "../web/status.ts";
import type { Io } from "./io.ts";
import { renderProblems } from "./network-render.ts";
import { openSession, type SessionOptions } from "./session.ts";

/** `network apply`: through the daemon where it runs, else here. Resolves to the exit code. */
export async function applyNetwork(
  { retry, json }: { readonly retry: boolean; readonly json: boolean },
  io: Io,
  options: SessionOptions,
): Promise<number> {
  const { controlSocket } = placesUnder(options.root);
  // Read here first, so that an invalid configuration is told with its lines, and nothing is asked of anybody.
  await using session = await openSession({ ...options, report: (event) => follow(event, json, io) });
  if (session.desired.network.mode === "observe") {
    throw new AgentError({
      code: "E_NETWORK_OBSERVE",
      message: "the configuration says network.mode: observe",
      path: "network.mode",
      hint: "Look at `devcloud-agent network plan`, then set network.mode to enforce.",
    });
  }
  // The control socket is served by this agent alone, so that its answer has the form that it is given there.
  const answer = (await askDaemon(controlSocket, "POST", "/v1/network/apply", { retry })) as Status | undefined;
  if (answer !== undefined) return tell(answer.network.problems, json, io);
  const network = new Network(session.host.ports, {
    bootId: session.host.bootId,
    earlyTiming: session.settings.timing,
    wanted: async () => ({ desired: session.desired, problems: [], timing: session.settings.timing }),
  });
  if (retry) network.retry();
  const outcome: Outcome = await network.reconcile(options.signal, () => undefined);
  return tell(outcome.problems, json, io);
}

function follow(event: NetworkEvent, json: boolean, io: Io): void {
  if (json || event.event !== "change") return;
  const { good, of, reason } = event;
  const detail = event.step === "probe" ? ` ${good} of ${of}` : reason === undefined ? "" : `: ${reason}`;
  io.stderr(`  ${event.step}${detail}\n`);
}

/** What leaves the network other than asked for: refused, taken back, or not reachable. */
const failing: ReadonlySet<string> = new Set([
  "E_NETWORK_ROLLED_BACK",
  "E_NETWORK_UNCONFIRMED",
  "E_NETWORK_NOT_CONVERGING",
]);
const refusing: ReadonlySet<string> = new Set(["E_NETWORK_CONFLICT", "E_OVSDB_LOCKED"]);

function tell(problems: readonly Problem[], json: boolean, io: Io): number {
  const code = problems.some((problem) => refusing.has(problem.code))
    ? 4
    : problems.some((problem) => isFailure(problem))
      ? 1
      : 0;
  if (json)
    io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-apply/v1", applied: code === 0, problems })}\n`);
  else
    io.stdout(
      `${[code === 0 ? "The network is as configured." : "Not applied.", ...renderProblems(problems, io.isTty)].join("\n")}\n`,
    );
  return code;
}

function isFailure({ code }: Problem): boolean {
  return (
    failing.has(code) ||
    code.startsWith("E_OVS") ||
    code.startsWith("E_IP") ||
    code.startsWith("E_DEAD") ||
    code === "E_INTERNAL"
  );
}
