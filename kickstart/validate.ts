import type { Problem } from "../agent/config/host.ts";
import { commandFindings } from "./lint/commands.ts";
import type { Finding } from "./lint/finding.ts";
import { networkFindings } from "./lint/network.ts";
import { passwordFindings, withoutPasswords } from "./lint/passwords.ts";
import { placeholderFindings } from "./lint/placeholders.ts";
import { sectionFindings } from "./lint/sections.ts";
import { diskFindings, sourceFindings } from "./lint/storage.ts";
import { wipingFindings } from "./lint/wiping.ts";
import { type Document, parseKickstart } from "./parse.ts";

/** What validating needs of the machine that it runs on. */
export interface KickstartTools {
  /** What `bash -n` says against a script, with the line in the script; nothing if it is right. */
  checkScript(script: string): Promise<readonly Complaint[]>;
  /** Whether a file that is included is there. */
  exists(file: string): Promise<boolean>;
  /** What ksvalidator says; undefined where it is not installed. `version` is its name of a release, such as RHEL9. */
  ksvalidator(text: string, version: string | undefined): Promise<readonly Complaint[] | undefined>;
}

export interface Complaint {
  readonly line?: number;
  readonly message: string;
}

export interface Validated {
  /** In the order of the file. */
  readonly problems: readonly Problem[];
  /** Whether ksvalidator had its say. */
  readonly ksvalidator: boolean;
}

const lints: readonly ((document: Document) => readonly Finding[])[] = [
  commandFindings,
  passwordFindings,
  networkFindings,
  sourceFindings,
  diskFindings,
  wipingFindings,
  sectionFindings,
];

/** Everything that is wrong with a kickstart file, also what ksvalidator does not see. */
export async function validateKickstart(file: string, text: string, tools: KickstartTools): Promise<Validated> {
  const document = parseKickstart(text);
  const findings: Finding[] = [
    ...document.faults.map((fault) => ({ code: "E_KICKSTART_SYNTAX", hint: "See the kickstart reference.", ...fault })),
    ...placeholderFindings(text, document),
    ...lints.flatMap((lint) => lint(document)),
    ...(await scriptFindings(document, tools)),
    ...(await includeFindings(document, tools)),
  ];
  const said = await tools.ksvalidator(text, versionOf(text));
  const lines = text.split("\n");
  for (const { line = 1, message: words } of said ?? []) {
    const content = lines[line - 1] ?? "";
    // It repeats words of the line.
    const message =
      withoutPasswords(content) === content ? words : "ksvalidator refuses this line, which has a password";
    const hint = "ksvalidator of pykickstart said this.";
    findings.push({ code: "E_KICKSTART_SYNTAX", message, line, column: 1, hint });
  }
  const problems = findings
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map((finding): Problem => ({ ...finding, file }));
  return { problems, ksvalidator: said !== undefined };
}

/** pykickstart's name of the release that the renderer wrote into the header; a kickstart of others has none. */
function versionOf(text: string): string | undefined {
  const [, family, number] = /^# release (el|fedora-)(\d+),/m.exec(text) ?? [];
  return number === undefined ? undefined : `${family === "el" ? "RHEL" : "F"}${number}`;
}

async function scriptFindings({ sections }: Document, tools: KickstartTools): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const { name, line, options, body } of sections) {
    const interpreter = options.get("interpreter")?.value ?? "/bin/sh";
    if (!SCRIPTS.has(name) || !/\/(ba|da)?sh$/.test(interpreter)) continue;
    for (const complaint of await tools.checkScript(body)) {
      found.push({
        code: "E_KICKSTART_SCRIPT",
        message: `${name}: ${complaint.message}`,
        line: line + (complaint.line ?? 0),
        column: 1,
        hint: "bash -n reads the script without running it.",
      });
    }
  }
  return found;
}

const SCRIPTS: ReadonlySet<string> = new Set(["%pre", "%pre-install", "%post", "%onerror", "%traceback"]);

async function includeFindings({ commands }: Document, tools: KickstartTools): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const { name, line, rest } of commands) {
    const [target = ""] = rest;
    if (name !== "%include" || /^(https?|ftp):/.test(target) || (await tools.exists(target))) continue;
    found.push({
      code: "E_KICKSTART_INCLUDE",
      message: `${target === "" ? "%include names no file" : `${target} is not there`}`,
      line,
      column: 1,
      hint: "The installer stops at it. A file that %pre writes cannot be checked here: put its lines into this file.",
    });
  }
  return found;
}
