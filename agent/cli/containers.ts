import { Command } from "commander";
import { loadSettings } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import { printable } from "../config/printable.ts";
import { Containers } from "../containers/containers.ts";
import type { JournalEntry } from "../containers/journal.ts";
import type { ContainerStatus } from "../containers/status.ts";
import { containersPorts, settingsOf } from "../containers-loop.ts";
import { AgentError, type Problem } from "../core/errors.ts";
import { openContainerJournal } from "../system/container-journal.ts";
import { configFiles } from "../system/files.ts";
import { askDaemon } from "../system/http.ts";
import { placesUnder } from "../system/places.ts";
import type { Status } from "../web/status.ts";
import { renderList, renderWhy } from "./containers-render.ts";
import type { Io } from "./io.ts";
import { renderProblems } from "./network-render.ts";

interface Context {
  readonly root: string;
  readonly signal: AbortSignal;
}

/** The group `containers`. It only looks: what is done to containers follows from the configuration. */
export function containersCommand(io: Io, context: () => Context, done: (code: number) => void): Command {
  const group = new Command("containers")
    .description("Kolla's containers on this host: how they are, and why")
    .addHelpText(
      "after",
      "\nExamples:\n  devcloud-agent containers list\n  devcloud-agent containers why nova_compute\n",
    );
  group
    .command("list")
    .description("every container, its state, its owner, and the agent's verdict")
    .option("--all", "also those that are none of the agent's", false)
    .option("--json", "print one JSON document", false)
    .addHelpText("after", LIST_HELP)
    .action(async (flags: { all: boolean; json: boolean }) => done(await list(flags, io, context())));
  group
    .command("why")
    .description("one container: its verdict, the reason, and what was done")
    .argument("<name>", "name of the container")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      "\nExit code: 0 done, 1 failed, 2 there is no such container.\n\nExamples:\n  devcloud-agent containers why nova_compute\n",
    )
    .action(async (name: string, { json }: { json: boolean }) => done(await why(name, json, io, context())));
  return group;
}

interface View {
  readonly source: "daemon" | "docker";
  readonly list: readonly ContainerStatus[];
  readonly problems: readonly Problem[];
  /** Milliseconds since the epoch; absent: Docker never answered. */
  readonly observedAt?: number;
}

async function list({ all, json }: { all: boolean; json: boolean }, io: Io, context: Context): Promise<number> {
  const view = await viewOf(context, io);
  const shown = view.list.filter(({ reason }) => all || reason !== "ignored");
  if (json) {
    io.stdout(`${JSON.stringify({ schema: "devcloud-agent/containers-list/v1", ...view, list: shown })}\n`);
  } else {
    io.stdout(`${renderList(shown, view.list.length - shown.length, io.isTty).join("\n")}\n`);
    for (const line of renderProblems(view.problems, io.isTty)) io.stderr(`${line}\n`);
  }
  return view.problems.length === 0 ? 0 : 1;
}

async function why(name: string, json: boolean, io: Io, context: Context): Promise<number> {
  if (name.trim() === "") throw unknown("the name of the container is empty");
  const view = await viewOf(context, io);
  const found = view.list.find((each) => each.name === name);
  if (found === undefined) {
    const message = `there is no container ${printable(name)}, and nothing says that there should be`;
    const meant = nearest(
      name,
      view.list.map((each) => each.name),
    );
    throw unknown(message, meant);
  }
  const history = (await journalOf(context.root)).filter((entry) => entry.name === name).slice(-20);
  if (json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/containers-why/v1", ...found, history })}\n`);
  else io.stdout(`${renderWhy(found, history, io.isTty).join("\n")}\n`);
  return 0;
}

function unknown(message: string, meant?: string): AgentError {
  const hint = meant === undefined ? "devcloud-agent containers list --all" : `Did you mean "${meant}"?`;
  return new AgentError({ code: "E_CONTAINER_UNKNOWN", message, hint });
}

/** What the daemon saw last; without a daemon, one look at Docker itself, which does nothing. */
async function viewOf({ root, signal }: Context, io: Io): Promise<View> {
  const places = placesUnder(root);
  // The control socket is served by this agent alone, so that its answer has the form that it is given there.
  const status = (await askDaemon(
    places.controlSocket,
    "GET",
    "/v1/status",
    AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
  )) as Status | undefined;
  if (status?.containers?.observedAt !== undefined) {
    const { observedAt, problems, list } = status.containers;
    return { source: "daemon", observedAt, problems, list };
  }
  const loaded = await loadSettings(root, configFiles);
  if (!loaded.ok)
    io.stderr("The configuration is not valid: containers are only observed (devcloud-agent check-config).\n");
  const settings = loaded.ok ? loaded.settings : undefined;
  const containers = new Containers(containersPorts({ places, settings: () => settings, report: () => undefined }), {
    settings: () => settingsOf(settings),
    // Without a daemon nothing is restarted anyway.
    maintenance: () => false,
    expected: () => true,
    wake: () => undefined,
    single: true,
  });
  const { outcome } = await containers.look(signal, () => undefined);
  const { statuses, observedAt } = containers;
  return { source: "docker", list: statuses, problems: outcome.problems, ...(observedAt && { observedAt }) };
}

/** Only root may read it, and the rest is worth having without it. */
async function journalOf(root: string): Promise<readonly JournalEntry[]> {
  return openContainerJournal(placesUnder(root).containersState)
    .read()
    .catch(() => []);
}

const LIST_HELP = `
Exit code: 0 in order, 1 not, or Docker cannot be reached.

Examples:
  devcloud-agent containers list
  devcloud-agent containers list --all --json | jq '.list[] | {name, state, verdict, reason}'
`;
