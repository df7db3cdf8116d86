import { Command } from "commander";
import { askDaemon } from "../system/http.ts";
import { placesUnder } from "../system/places.ts";
import type { Status } from "../web/status.ts";
import type { Io } from "./io.ts";

interface Context {
  readonly root: string;
  readonly signal: AbortSignal;
}

const ANSWER_MS = 10_000;

/** `controller retry`: the controller's last configuration once more, although it failed. */
export function controllerCommand(io: Io, options: () => Context, done: (code: number) => void): Command {
  const command = new Command("controller")
    .description("the link to the central controller")
    .addHelpText("after", "\nExamples:\n  devcloud-agent controller retry\n");
  command
    .command("retry")
    .description("try the controller's last configuration again, although it failed")
    .addHelpText(
      "after",
      "\nExit code: 0 asked for, 1 the agent does not run.\n\nExamples:\n  devcloud-agent controller retry\n",
    )
    .action(async () => {
      const status = (await askDaemon(
        placesUnder(options().root).controlSocket,
        "POST",
        "/v1/controller/retry",
        AbortSignal.any([options().signal, AbortSignal.timeout(ANSWER_MS)]),
      )) as Status | undefined;
      if (status === undefined) io.stderr("The agent does not run on this host (systemctl status devcloud-agent).\n");
      else io.stdout(`${controllerLine(status.controller)}\n`);
      done(status === undefined ? 1 : 0);
    });
  return command;
}

/** One line of the status. */
export function controllerLine(controller: Status["controller"]): string {
  if (controller === undefined || controller.session === "off") return "controller none";
  const { session, endpoint, remote, problem } = controller;
  const what = { open: "connected to", connecting: "connecting to", waiting: "not reached:" }[session];
  const configuration = remote === undefined ? "" : `; its configuration ${remote.hash.slice(0, 8)} ${remote.status}`;
  return `controller ${what} ${endpoint ?? ""}${problem === undefined ? "" : ` (${problem.message})`}${configuration}`;
}
