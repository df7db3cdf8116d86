import pc from "picocolors";
import { printable } from "../config/printable.ts";
import { AgentError, type Problem } from "../core/errors.ts";
import { describeRung } from "../network/ladder/rung.ts";
import { askDaemon, followDaemon } from "../system/http.ts";
import { placesUnder } from "../system/places.ts";
import { describeMaintenance } from "../web/maintenance.ts";
import { distinct, isMild } from "../web/mild.ts";
import { describeOther } from "../web/others.ts";
import { markOf } from "../web/page/wiring.ts";
import type { MemberStatus, NetworkStatus, Status } from "../web/status.ts";
import { renderContainersLine } from "./containers-render.ts";
import { controllerLine } from "./controller.ts";
import type { Io } from "./io.ts";
import { endOfCable } from "./network/legs-render.ts";
import { renderProblems } from "./network-render.ts";
import { renderOs } from "./os.ts";

/** The daemon answers from what it knows, and gives up on Open vSwitch after 2 s. */
const ANSWER_MS = 5_000;

export interface StatusOptions {
  readonly watch: boolean;
  readonly json: boolean;
}

/** `status`: what the daemon says of this host. Exit code 0 sound, 1 not, or the daemon does not run. */
export async function showStatus(
  { watch, json }: StatusOptions,
  root: string,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  const { controlSocket } = placesUnder(root);
  // The control socket is served by this agent alone, so that its answer has the form that it is given there.
  const ask = async () => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    return (await askDaemon(controlSocket, "GET", "/v1/status", within)) as Status | undefined;
  };
  const print = (status: Status): void =>
    io.stdout(json ? `${JSON.stringify(status)}\n` : renderStatus(status, io.isTty));
  const status = await ask();
  if (status === undefined) throw notRunning();
  print(status);
  if (!watch) return status.ready === "yes" && problemsOf(status).length === 0 ? 0 : 1;
  for await (const event of followDaemon(controlSocket, "/v1/events", signal)) {
    if (json) io.stdout(`${JSON.stringify(event)}\n`);
    else {
      const now = await ask();
      if (now !== undefined) print(now);
    }
  }
  return signal.aborted ? 130 : 1;
}

function problemsOf({ network, os, containers }: Status): readonly Problem[] {
  const all = distinct([...network.problems, ...(containers?.problems ?? []), ...os.problems]);
  return [...all.filter((problem) => !isMild(problem)), ...all.filter(isMild)];
}

function notRunning(): AgentError {
  const hint = "systemctl status devcloud-agent";
  return new AgentError({ code: "E_CONTROL_ABSENT", message: "The agent does not run on this host", hint });
}

/** A screen of it: the rest is in `--json`. */
const MOST_PROBLEMS = 6;
const MOST_OTHERS = 4;

/** What is worst comes first. Pure. */
export function renderStatus(status: Status, colour: boolean): string {
  const paint = pc.createColors(colour);
  const { network, os, containers, controller } = status;
  const problems = problemsOf(status);
  const word = { yes: "ready", no: "starting", degraded: "ready, degraded" }[status.ready];
  const lines = [
    `devcloud-agent ${status.version}, pid ${status.pid}: ${problems.length === 0 ? paint.green(word) : paint.yellow(word)}`,
    ...rungLines(network, colour),
    ...grayLines(network, colour),
    ...renderProblems(problems.slice(0, MOST_PROBLEMS), colour),
    ...(problems.length > MOST_PROBLEMS ? [`! and ${problems.length - MOST_PROBLEMS} more: status --json`] : []),
    ...(status.maintenance === undefined ? [] : [paint.yellow(describeMaintenance(status.maintenance))]),
    ...networkLines(network, colour),
    ...renderOs(os.view, colour),
    ...(controller === undefined ? [] : [controllerLine(controller)]),
    ...(containers === undefined ? [] : [renderContainersLine(containers)]),
  ];
  return `${lines.join("\n")}\n`;
}

function rungLines({ rung }: NetworkStatus, colour: boolean): readonly string[] {
  if (rung === undefined || rung.rung === 0) return [];
  return [pc.createColors(colour).red(`rung       ${rung.rung} of 3: ${describeRung(rung)}`)];
}

/** A silence that nobody looks into must not pass for a gateway that answers. */
function grayLines({ uplinks }: NetworkStatus, colour: boolean): readonly string[] {
  const gray = uplinks?.gray;
  if (gray?.state !== "unwatched" || gray.gateway === undefined) return [];
  const text = `uplinks    gateway ${gray.gateway} is silent, and no uplink is blamed: ${gray.why}`;
  return [pc.createColors(colour).yellow(printable(text))];
}

function networkLines(network: NetworkStatus, colour: boolean): readonly string[] {
  const paint = pc.createColors(colour);
  const { change, others = [], revision, confirmedAt, mode } = network;
  return [
    ...(change === undefined
      ? []
      : [
          paint.yellow(`change     ${change.id} waits to be confirmed, ${Math.ceil(change.remainingMs / 1000)} s left`),
        ]),
    revision === undefined
      ? "network    not configured"
      : `network    revision ${revision}, confirmed ${confirmedAt ?? "not yet"}, ${mode ?? ""}`,
    ...(network.bond?.members ?? []).map((member) => memberLine(member, network, colour)),
    ...network.addresses.map(
      ({ device, address, vlan }) => `  ${device.padEnd(9)}${address}${vlan === null ? "" : ` on VLAN ${vlan}`}`,
    ),
    ...others.slice(0, MOST_OTHERS).map((other) => `not ours   ${printable(describeOther(other))}`),
    ...(others.length > MOST_OTHERS ? [`not ours   and ${others.length - MOST_OTHERS} more: status --json`] : []),
  ];
}

function memberLine(
  { nic, device, fabric, link, active }: MemberStatus,
  network: NetworkStatus,
  colour: boolean,
): string {
  const paint = pc.createColors(colour);
  const mark = link === "up" ? markOf(nic, network.uplinks) : undefined;
  const parts = [
    fabric === undefined ? "" : `fabric ${fabric}`,
    link === "up" ? (active ? paint.green("up, active") : "up, standby") : paint.red(link),
    mark === undefined ? "" : paint.yellow(mark),
    endOfCable(network.legs, nic),
  ];
  const name = nic === device ? nic : `${nic} (${device})`;
  return `  ${name.padEnd(9)}${parts.filter((part) => part !== "").join(", ")}`;
}
