import { Command } from "commander";
import pc from "picocolors";
import type { HistoryEntry } from "../../network/state.ts";
import { placesUnder } from "../../system/places.ts";
import { openStateStore } from "../../system/state-store.ts";
import type { Io } from "../io.ts";

/** `network history`: the changes of this host's network and how each ended, the newest first. */
export function historyCommand(
  io: Io,
  options: () => { readonly root: string },
  done: (code: number) => void,
): Command {
  return new Command("history")
    .description("the changes of this host's network, and how each ended")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      "\nExit code: 0 done, also where nothing is remembered; 1 it cannot be read.\n\nExamples:\n  devcloud-agent network history\n  devcloud-agent network history --json | jq '.changes[0]'\n",
    )
    .action(async ({ json }: { json: boolean }) => {
      const onUnreadable = ({ message }: { message: string }) => io.stderr(`${message}\n`);
      const state = openStateStore(placesUnder(options().root).networkState, { onUnreadable, keepAside: false });
      const changes = [...((await state.read("history"))?.changes ?? [])].reverse();
      if (json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-history/v1", changes })}\n`);
      else io.stdout(renderHistory(changes, io.isTty));
      done(0);
    });
}

function renderHistory(changes: readonly HistoryEntry[], colour: boolean): string {
  if (changes.length === 0) return "No change of the network is remembered.\n";
  const paint = pc.createColors(colour);
  const tones = { confirmed: paint.green, "rolled-back": paint.red, interrupted: paint.yellow };
  const lines = changes.flatMap(({ startedAt, revision, hash, result, reason, changes: steps }) => [
    `${startedAt}  revision ${revision}  ${paint.dim(hash.slice(0, 12))}  ${tones[result](result)}${reason === undefined ? "" : `: ${reason}`}`,
    ...steps.map((step) => `    ${step}`),
  ]);
  return `${lines.join("\n")}\n`;
}
