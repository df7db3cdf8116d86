import { Command, InvalidArgumentError } from "commander";
import { durationMs } from "../../config/values.ts";
import { AgentError } from "../../core/errors.ts";
import { askDaemon } from "../../system/http.ts";
import { placesUnder } from "../../system/places.ts";
import type { Io } from "../io.ts";

const ANSWER_MS = 15_000;

interface DrainOptions {
  readonly root: string;
  readonly signal: AbortSignal;
}

/** `network drain NIC --for 2h`. */
export function drainCommand(io: Io, options: () => DrainOptions, done: (code: number) => void): Command {
  return new Command("drain")
    .description("keep the traffic off a NIC for a while, before work on its switch")
    .argument("<nic>", "a member of the bond, by its name in the configuration")
    .requiredOption("--for <duration>", "how long, such as 30m or 2h (at most 24h)", length)
    .option("--json", "print one JSON document", false)
    .addHelpText("after", DRAIN_HELP)
    .action(async (nic: string, flags: { for: number; json: boolean }) => {
      await ask("drain", { nic, forMs: flags.for }, options());
      const until = new Date(Date.now() + flags.for).toISOString();
      if (flags.json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-drain/v1", nic, until })}\n`);
      else io.stdout(`The bond is kept off ${nic} until ${until}; it is used only if the other member fails.\n`);
      done(0);
    });
}

/** `network undrain NIC`. */
export function undrainCommand(io: Io, options: () => DrainOptions, done: (code: number) => void): Command {
  return new Command("undrain")
    .description("let the bond use a NIC again, whether it was drained, found deaf, or flapping")
    .argument("<nic>", "a member of the bond, by its name in the configuration")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", UNDRAIN_HELP)
    .action(async (nic: string, { json }: { json: boolean }) => {
      const answer = await ask("undrain", { nic }, options());
      const wasDrained =
        typeof answer === "object" && answer !== null && "wasDrained" in answer && answer.wasDrained === true;
      if (json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-undrain/v1", nic, wasDrained })}\n`);
      else io.stdout(wasDrained ? `The bond may use ${nic} again.\n` : `Nothing kept the bond off ${nic}.\n`);
      done(0);
    });
}

async function ask(what: "drain" | "undrain", body: object, { root, signal }: DrainOptions): Promise<unknown> {
  const { controlSocket } = placesUnder(root);
  const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const answer = await askDaemon(controlSocket, "POST", `/v1/network/${what}`, within, body);
  if (answer !== undefined) return answer;
  throw new AgentError({
    code: "E_CONTROL_ABSENT",
    message: "the daemon does not run, and nobody would keep the bond where it is put",
    hint: "systemctl start devcloud-agent",
  });
}

function length(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new InvalidArgumentError("expected a duration with its unit, such as 30m or 2h (at most 24h).");
}

const UNDRAIN_HELP = `
Exit code: 0 done, also where nothing kept the bond off it; 1 failed, or the agent does not run,
2 there is no such NIC in the bond, 4 refused for safety.

Examples:
  devcloud-agent network undrain em1
`;

const DRAIN_HELP = `
The host keeps it over a restart of the agent and over a reboot. Refused where no other member could carry the traffic.
Exit code: 0 done, 1 failed, or the agent does not run, 2 there is no such NIC in the bond, 4 refused for safety.

Examples:
  devcloud-agent network drain em1 --for 2h
  devcloud-agent network undrain em1
`;
