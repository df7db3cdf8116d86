import { Command, InvalidArgumentError } from "commander";
import { durationMs } from "../config/values.ts";
import { AgentError } from "../core/errors.ts";
import { askDaemon } from "../system/http.ts";
import { placesUnder } from "../system/places.ts";
import { describeMaintenance } from "../web/maintenance.ts";
import type { MaintenanceStatus, Status } from "../web/status.ts";
import type { Io } from "./io.ts";

interface Context {
  readonly root: string;
  readonly signal: AbortSignal;
}

const ANSWER_MS = 10_000;
const MAX_REASON = 200;

/** `maintenance on --for 2h`, `off`, `status`. */
export function maintenanceCommand(io: Io, options: () => Context, done: (code: number) => void): Command {
  const command = new Command("maintenance")
    .description("leave this host alone while a person works on it")
    .addHelpText(
      "after",
      '\nExamples:\n  devcloud-agent maintenance on --for 2h --reason "new cables in rack 4"\n  devcloud-agent maintenance off\n',
    );
  command
    .command("on")
    .description("nothing is repaired or restarted by itself for a while; what differs is still told")
    .requiredOption("--for <duration>", "how long, such as 30m or 2h (at most 24h)", length)
    .option("--reason <text>", "why, for whoever looks at this host meanwhile", reason)
    .option("--json", "print one JSON document", false)
    .addHelpText("after", ON_HELP)
    .action(async (flags: { for: number; reason?: string; json: boolean }) => {
      const status = await ask("POST", "/v1/maintenance/on", options(), { forMs: flags.for, reason: flags.reason });
      tell(io, status.maintenance, flags.json);
      done(0);
    });
  command
    .command("off")
    .description("end it before its time")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      "\nExit code: 0 done, 1 failed, or the agent does not run, 4 the configuration keeps it.\n\nExamples:\n  devcloud-agent maintenance off\n",
    )
    .action(async ({ json }: { json: boolean }) => {
      const status = await ask("POST", "/v1/maintenance/off", options());
      tell(io, status.maintenance, json);
      done(0);
    });
  command
    .command("status")
    .description("whether this host is in maintenance, until when, and why")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      "\nExit code: 0 done, in maintenance or not; 1 failed, or the agent does not run.\n\nExamples:\n  devcloud-agent maintenance status --json\n",
    )
    .action(async ({ json }: { json: boolean }) => {
      tell(io, (await ask("GET", "/v1/status", options())).maintenance, json);
      done(0);
    });
  return command;
}

async function ask(method: "GET" | "POST", path: string, { root, signal }: Context, body?: object): Promise<Status> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  // The control socket is served by this agent alone, so that its answer has the form that it is given there.
  const status = (await askDaemon(placesUnder(root).controlSocket, method, path, within, body)) as Status | undefined;
  if (status !== undefined) return status;
  throw new AgentError({
    code: "E_MAINTENANCE_NO_DAEMON",
    message: "the daemon does not run: nobody repairs anything, and nobody would remember this",
    hint: "systemctl start devcloud-agent",
  });
}

function tell(io: Io, maintenance: MaintenanceStatus | undefined, json: boolean): void {
  if (json) {
    const told = maintenance && { ...maintenance, until: new Date(maintenance.until).toISOString() };
    io.stdout(`${JSON.stringify({ schema: "devcloud-agent/maintenance/v1", maintenance: told ?? null })}\n`);
  } else if (maintenance === undefined) io.stdout("No maintenance: what differs is repaired.\n");
  else io.stdout(`In ${describeMaintenance(maintenance)}\n`);
}

function length(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new InvalidArgumentError("expected a duration with its unit, such as 30m or 2h (at most 24h).");
}

function reason(text: string): string {
  if (text.trim() !== "" && text.length <= MAX_REASON && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(text)) return text;
  throw new InvalidArgumentError(`expected one line of at most ${MAX_REASON} characters.`);
}

const ON_HELP = `
The host keeps it over a restart of the agent and over a reboot, and it ends by itself. A boot still brings the network up, a change that
a person asks for (network apply) is still made, and an unconfirmed one still undoes itself.
Exit code: 0 done, 1 failed, or the agent does not run, 2 wrong usage.

Examples:
  devcloud-agent maintenance on --for 2h --reason "new cables in rack 4"
  devcloud-agent maintenance off
`;
