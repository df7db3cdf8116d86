import pc from "picocolors";
import { AgentError, type Problem } from "../core/errors.ts";
import { askDaemon, followDaemon } from "../system/http.ts";
import { placesUnder } from "../system/places.ts";
import type { Status } from "../web/status.ts";
import { renderContainersLine } from "./containers-render.ts";
import { controllerLine } from "./controller.ts";
import type { Io } from "./io.ts";
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
    return (await askDaemon(controlSocket, "GET", "/v1/status", within).catch(tooLate)) as Status | undefined;
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
  return [...network.problems, ...os.problems, ...(containers?.problems ?? [])];
}

function notRunning(): AgentError {
  const hint = "systemctl status devcloud-agent";
  return new AgentError({ code: "E_CONTROL_ABSENT", message: "The agent does not run on this host", hint });
}

/** What a request ended with, where that is its time. */
export function tooLate(error: unknown): never {
  if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
  throw new AgentError({
    code: "E_CONTROL_TIMEOUT",
    message: `the agent runs and did not answer in ${ANSWER_MS / 1000} s`,
    hint: "journalctl -u devcloud-agent; systemd restarts it when its watchdog is not fed",
  });
}

function renderStatus(status: Status, colour: boolean): string {
  const paint = pc.createColors(colour);
  const { network } = status;
  const problems = problemsOf(status);
  const sound = problems.length === 0;
  const word = { yes: "ready", no: "starting", degraded: "ready, degraded" }[status.ready];
  const lines = [
    `devcloud-agent ${status.version}, pid ${status.pid}: ${sound ? paint.green(word) : paint.yellow(word)}`,
    ...(network.revision === undefined
      ? ["network    not configured"]
      : [
          `network    revision ${network.revision}, confirmed ${network.confirmedAt ?? "not yet"}, ${network.mode ?? ""}`,
        ]),
    ...(network.bond?.members ?? []).map(({ nic, device, fabric, link, active }) => {
      const name = nic === device ? nic : `${nic} (${device})`;
      const state = link === "up" ? (active ? paint.green("up, active") : "up, standby") : paint.red(link);
      return `  ${name.padEnd(9)}${fabric === undefined ? "" : `fabric ${fabric}, `}${state}`;
    }),
    ...network.addresses.map(
      ({ device, address, vlan }) => `  ${device.padEnd(9)}${address}${vlan === null ? "" : ` on VLAN ${vlan}`}`,
    ),
    ...(network.change === undefined
      ? []
      : [
          paint.yellow(
            `change     ${network.change.id} waits to be confirmed, ${Math.ceil(network.change.remainingMs / 1000)} s left`,
          ),
        ]),
    ...renderOs(status.os.view, colour),
    ...(status.controller === undefined ? [] : [controllerLine(status.controller)]),
    ...(status.containers === undefined ? [] : [renderContainersLine(status.containers)]),
    ...renderProblems(problems, colour),
  ];
  return `${lines.join("\n")}\n`;
}
