import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a documented command runs: in the checkout, on a host of the lab, or on a machine that systemd booted. */
export type Place = "checkout" | "host" | "machine";

/** One line of a fenced `sh` block. */
export interface DocCommand {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** Without the comment behind it. */
  readonly text: string;
  readonly place: Place;
  /** The exit code that the document states by `# exits N`; 0 where it states none. */
  readonly exits: number;
  /** Runs on until somebody presses Ctrl-C: the document says so. */
  readonly endless: boolean;
}

const root = join(import.meta.dirname, "..", "..");

/** Every command of every document of this repository. Blocks marked `sh boot` need a booted systemd. */
export function docCommands(): readonly DocCommand[] {
  const skipped = (name: string): boolean => ["node_modules", ".git", "dist"].includes(name);
  return globSync("**/*.md", { cwd: root, exclude: skipped })
    .sort()
    .flatMap((file) => commandsOf(file, readFileSync(join(root, file), "utf8")));
}

/** The commands of one document. */
export function commandsOf(file: string, text: string): readonly DocCommand[] {
  const found: DocCommand[] = [];
  let fence: string | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const mark = /^\s*```\s*(.*)$/.exec(line)?.[1]?.trim();
    if (mark !== undefined) {
      fence = fence === undefined ? mark : undefined;
      continue;
    }
    if (fence !== "sh" && fence !== "sh boot") continue;
    const [, command = "", comment = ""] = /^(.*?)(?:(?:^|\s)#\s(.*))?$/.exec(line.trim()) ?? [];
    if (command.trim() === "") continue;
    found.push({
      file,
      line: index + 1,
      text: command.trim(),
      place: fence === "sh boot" ? "machine" : placeOf(command),
      exits: Number(/\bexits (\d+)/.exec(comment)?.[1] ?? 0),
      endless: comment.includes("Ctrl-C"),
    });
  }
  return found;
}

/** What begins with a tool of the checkout runs there; everything else is for a host. */
function placeOf(command: string): Place {
  return /^(npm|npx|git|node_modules\/|test\/|\.ci\/)/.test(command) ? "checkout" : "host";
}

/**
 * The command of `.ci/run` that covers a command of the checkout: the same script and, where it has one, the same lane. Numbers
 * of rounds and the like may differ.
 */
export function coveredByCi(text: string): string | undefined {
  const parts = readFileSync(join(root, ".ci/run"), "utf8").matchAll(/^part "[^"]+" (.+)$/gm);
  return [...parts].map(([, command = ""]) => command).find((command) => same(command, text));
}

function same(one: string, other: string): boolean {
  return laneOf(one) === laneOf(other) && laneOf(one) !== undefined;
}

/** `npm run chaos -- network --rounds 4` -> `chaos network`; `npm run ok -- lint` -> `ok`, whatever the parts. */
function laneOf(command: string): string | undefined {
  const [, script, lane] = /^npm (?:run )?(\w+)(?: -- (\w+))?(?: |$)/.exec(command) ?? [];
  return script === "ok" || lane === undefined ? script : `${script} ${lane}`;
}
