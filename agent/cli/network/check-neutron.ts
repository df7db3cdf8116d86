import { Command } from "commander";
import pc from "picocolors";
import type { Problem } from "../../core/errors.ts";
import { observe } from "../../network/converge.ts";
import { checkNeutron, type NeutronVerdict } from "../../network/neutron/check.ts";
import { readNeutron } from "../../network/neutron/told.ts";
import { vlanWords } from "../../network/neutron/vlan-list.ts";
import { foreignControl } from "../../network/refusals.ts";
import { readKolla } from "../../system/kolla.ts";
import type { Io } from "../io.ts";
import { openSession, type SessionOptions } from "../session.ts";

/** `network check-neutron`: what Kolla told Neutron on this host against the network that the host has. */
export function checkNeutronCommand(io: Io, options: () => SessionOptions, done: (code: number) => void): Command {
  return new Command("check-neutron")
    .description("check what Kolla told Neutron against the bridges, trunks and MTUs that this host has")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", HELP)
    .action(async ({ json }: { json: boolean }) => done(await check(json, io, options())));
}

async function check(json: boolean, io: Io, options: SessionOptions): Promise<number> {
  const files = await readKolla(options.root);
  await using session = await openSession({ ...options, looksOnly: true });
  const observed = await observe(session.host.ports, session.signal);
  const verdict = checkNeutron(session.desired.network, readNeutron(files), observed);
  const problems = [...foreignControl(session.desired, observed.ovs), ...verdict.problems];
  const document = { schema: "devcloud-agent/network-check-neutron/v1", ...verdict, problems };
  if (json) io.stdout(`${JSON.stringify(document)}\n`);
  else io.stdout(renderNeutron({ ...verdict, problems }, io.isTty));
  return problems.length === 0 ? 0 : 1;
}

function renderNeutron({ mappings, problems, remarks }: NeutronVerdict, colour: boolean): string {
  const paint = pc.createColors(colour);
  const lines = mappings.map(({ physnet, bridge, trunk, ranges, used, mtu }) =>
    [
      `${physnet} on ${bridge}: trunk ${trunk === undefined ? "none" : vlanWords(trunk)}`,
      `ranges ${ranges === undefined ? "not told here" : ranges || "none"}`,
      `in use ${used.length === 0 ? "none" : vlanWords(used)}`,
      `MTU ${mtu}`,
    ].join(", "),
  );
  const verdict = problems.length === 0 ? paint.green("Neutron and this host agree.") : "";
  return `${[...lines, ...remarks.map((remark) => paint.dim(remark)), ...problems.flatMap(wordsOf), verdict].filter(Boolean).join("\n")}\n`;

  function wordsOf({ code, message, file, line, expected, hint }: Problem): readonly string[] {
    const place = file === undefined ? "" : `${file}${line === undefined ? "" : `:${line}`}: `;
    return [
      `${paint.red("!")} ${place}${message} ${paint.dim(`(${code})`)}`,
      ...(expected === undefined ? [] : [`    ${paint.dim(`expected: ${expected}`)}`]),
      ...(hint === undefined ? [] : [`    ${paint.dim(hint)}`]),
    ];
  }
}

const HELP = `
Reads /etc/kolla of this host and Open vSwitch; touches nothing.
Exit code: 0 sound, 1 something is wrong, 2 there is nothing of Kolla's to read.

Examples:
  devcloud-agent network check-neutron
  devcloud-agent network check-neutron --json | jq .mappings
`;
