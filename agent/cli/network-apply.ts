import { AgentError, type Problem } from "../core/errors.ts";
import { whatIsThere } from "../network/first.ts";
import { Network } from "../network/network.ts";
import type { NetworkEvent } from "../network/ports.ts";
import { lastGoodOf } from "../network/state.ts";
import type { Asked } from "../network/wanted.ts";
import { exists } from "../system/files.ts";
import { askDaemon, followDaemon } from "../system/http.ts";
import { placesUnder } from "../system/places.ts";
import type { Status } from "../web/status.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { isAsConfigured } from "./network/planned.ts";
import { renderProblems } from "./network-render.ts";
import { openSession, type Session, type SessionOptions } from "./session.ts";

/** `network apply`: through the daemon where it runs, else here. Resolves to the exit code. */
export async function applyNetwork(
  { json, ...asked }: Asked & { readonly json: boolean },
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
  const { problems, hash } =
    (await throughDaemon(controlSocket, asked, json, io, options.signal)) ?? (await here(session, asked));
  const inForce = hash === session.desired.hash;
  // What was applied before may differ by now and not be put back, beside a second Open vSwitch for one.
  const applied = inForce && problems.every(({ code }) => code !== "E_OVS_SECOND") && (await isAsConfigured(session));
  if (json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-apply/v1", applied, problems })}\n`);
  else {
    const heading = applied
      ? "The network is as configured."
      : inForce
        ? "The configuration is in force, and not all of it could be brought about: devcloud-agent network plan."
        : "Not applied: the host keeps the network that it had.";
    const next = applied && asked.adopt ? [AFTER_ADOPTION] : [];
    io.stdout(`${[heading, ...renderProblems(problems, io.isTty), ...next].join("\n")}\n`);
  }
  if (applied) return 0;
  return problems.some(({ code }) => exitCodes[code] === 4) ? 4 : 1;
}

const AFTER_ADOPTION =
  "Before the next boot: take these NICs away from what set them up until now. For NetworkManager and networkd:\n" +
  "  cp -r /usr/share/devcloud-agent/hands-off/. /etc/";

/** How it ended: what is wrong, and the hash of the configuration that the host follows now. */
interface Ending {
  readonly problems: readonly Problem[];
  readonly hash: string | undefined;
}

async function throughDaemon(
  socket: string,
  asked: Asked,
  json: boolean,
  io: Io,
  signal: AbortSignal,
): Promise<Ending | undefined> {
  const ended = new AbortController();
  const following = (async () => {
    // The control socket is served by this agent alone, so that what it says has the form that it is given there.
    for await (const event of followDaemon(socket, "/v1/events", ended.signal)) follow(event as NetworkEvent, json, io);
  })().catch(() => undefined);
  try {
    const answer = (await askDaemon(socket, "POST", "/v1/network/apply", signal, asked)) as Status | undefined;
    return answer && { problems: answer.network.problems, hash: answer.network.hash };
  } finally {
    ended.abort();
    await following;
  }
}

async function here(session: Session, asked: Asked): Promise<Ending> {
  const { host, desired, settings, signal } = session;
  const byOperator = asked.byOperator || desired.network.confirm.by === "operator";
  const stood = exists(host.places.netReady);
  if (byOperator && (await waitsForWord(session, asked, stood))) {
    throw new AgentError({
      code: "E_NETWORK_NO_DAEMON",
      message: "an operator's confirmation reaches the daemon only, and it does not run",
      path: "network.confirm.by",
      hint: "systemctl start devcloud-agent, then apply again. Nothing was changed.",
    });
  }
  const network = new Network(host.ports, {
    wanted: async () => ({ desired, problems: [], timing: settings.timing }),
    stood,
  });
  network.ask(asked);
  const { clock, state } = host.ports;
  const until = clock.monotonic() + desired.network.confirm.deadlineMs;
  for (;;) {
    const { problems } = await network.reconcile(signal, () => undefined);
    const hash = (await lastGoodOf(state))?.config.hash;
    const waits = hash !== desired.hash && problems.every(({ code }) => waiting.has(code));
    if (!waits || clock.monotonic() >= until) return { problems, hash };
    await clock.sleep(settings.timing.probeIntervalMs, signal);
  }
}

/** A first network on a host that has none is kept once its probes answer; anything else, and whatever a person asked for, is not. */
async function waitsForWord(session: Session, asked: Asked, stood: boolean): Promise<boolean> {
  if (asked.adopt || asked.byOperator) return true;
  const { host, desired, settings, signal } = session;
  if ((await lastGoodOf(host.ports.state)) !== undefined) return true;
  const found = await whatIsThere(host.ports, { ...desired, revision: 1 }, { stood, ...settings.timing }, signal);
  return found === "standing";
}

/** What passes by itself: a NIC that was just brought up takes seconds to have carrier, and a switch port to forward. */
const waiting: ReadonlySet<string> = new Set(["E_NIC_NO_CARRIER", "E_NETWORK_UNCONFIRMED"]);

function follow(event: NetworkEvent, json: boolean, io: Io): void {
  if (json || event.event !== "change") return;
  const { good, of, reason } = event;
  const detail = event.step === "probe" ? ` ${good} of ${of}` : reason === undefined ? "" : `: ${reason}`;
  io.stderr(`  ${event.step}${detail}\n`);
}
