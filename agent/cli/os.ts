import { Command } from "commander";
import pc from "picocolors";
import { printable } from "../config/printable.ts";
import type { Deployment, Role } from "../os/deployments.ts";
import { OperatingSystem, type OsView } from "../os/os.ts";
import { openDeployments } from "../system/deployments.ts";
import type { Io } from "./io.ts";
import { renderProblems } from "./network-render.ts";

/** `os`: what this host boots from. Asks the host itself: it works without the daemon. */
export function osCommand(
  io: Io,
  context: () => { readonly root: string; readonly signal: AbortSignal },
  done: (code: number) => void,
): Command {
  const group = new Command("os").description("what this host boots from").addHelpText("after", GROUP_HELP);
  group
    .command("status")
    .description("the deployments of this host: booted, staged, kept for rollback")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", STATUS_HELP)
    .action(async ({ json }: { json: boolean }) => {
      const { root, signal } = context();
      const os = new OperatingSystem(openDeployments(root));
      const { problems } = await os.reconcile(signal, () => undefined);
      const document = { schema: "devcloud-agent/os/v1", ...os.view, problems };
      io.stdout(json ? `${JSON.stringify(document, null, 2)}\n` : `${renderOs(os.view, io.isTty).join("\n")}\n`);
      if (!json) for (const line of renderProblems(problems, io.isTty)) io.stderr(`${line}\n`);
      done(problems.length === 0 ? 0 : 1);
    });
  return group;
}

const words: Readonly<Record<Role, string>> = {
  staged: "staged",
  pending: "next boot",
  booted: "booted",
  rollback: "rollback",
  kept: "kept",
};

/** The deployments, one a line, in the order of the boot loader. */
export function renderOs(view: OsView, colour: boolean): readonly string[] {
  if (view.state === "unknown") return ["os         not looked at yet"];
  if (view.state === "absent") return [`os         no deployments: ${view.reason}`];
  const paint = pc.createColors(colour);
  const { source, deployments, transaction } = view.deployments;
  const booted = deployments.some(({ role }) => role === "booted");
  return [
    `os         ${deployments.length} deployments, by ${source}${transaction === undefined ? "" : `, busy: ${printable(transaction)}`}`,
    ...deployments.map((deployment) => {
      const line = `  ${words[deployment.role].padEnd(9)} ${printable(describe(deployment), 400)}`;
      return deployment.role === "booted" ? paint.green(line) : line;
    }),
    ...(booted ? [] : ["  none of them runs now"]),
  ];
}

function describe({ version, checksum, origin, pinned, locked }: Deployment): string {
  const marks = [...(pinned ? ["pinned"] : []), ...(locked ? ["locked"] : [])];
  const name = version === undefined ? checksum.slice(0, 12) : `${version} (${checksum.slice(0, 12)})`;
  const from = origin === undefined ? "" : ` from ${origin}`;
  return `${name}${from}${marks.length === 0 ? "" : `, ${marks.join(", ")}`}`;
}

const GROUP_HELP = `
Examples:
  devcloud-agent os status
`;

const STATUS_HELP = `
Exit code: 0 in order, or a host without deployments; 1 not, or it could not be read.

Examples:
  devcloud-agent os status
  devcloud-agent os status --json | jq .deployments
`;
