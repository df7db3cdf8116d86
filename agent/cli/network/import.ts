import { basename, dirname, join } from "node:path";
import { Command } from "commander";
import { parseFragments } from "../../config/load.ts";
import { defaultTiming } from "../../config/timing.ts";
import { AgentError } from "../../core/errors.ts";
import { openHost } from "../../host.ts";
import { importNetwork } from "../../network/import.ts";
import { importedText } from "../../network/import-text.ts";
import { listDir, readFileBounded, writeFileAtomic } from "../../system/files.ts";
import { type Places, placesUnder } from "../../system/places.ts";
import type { Io } from "../io.ts";
import type { SessionOptions } from "../session.ts";

const MAX_BYTES = 64 * 1024;

interface ImportFlags {
  readonly json: boolean;
  readonly output?: string;
}

/** `network import`: the configuration for the host as it stands. Looks, and writes nothing but the file that it is told to. */
export function importCommand(io: Io, options: () => SessionOptions, done: (code: number) => void): Command {
  return new Command("import")
    .description("write the configuration for this host's network as it stands; touches nothing")
    .option("--output <file>", "write it there, instead of to the terminal; a file that is there stays as it is")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", HELP)
    .action(async (flags: ImportFlags) => done(await importHost(flags, io, options())));
}

async function importHost({ json, output }: ImportFlags, io: Io, options: SessionOptions): Promise<number> {
  if (output !== undefined) await refuseOverwrite(output);
  const result = importNetwork(await look(options));
  if (!result.ok) {
    throw new AgentError({
      code: "E_NETWORK_IMPORT",
      message: `the configuration cannot say this network: ${result.why.join("; ")}`,
      hint: "Change that first, or write the configuration by hand. Nothing was written.",
    });
  }
  const { remarks, from } = result.network;
  const text = importedText(result.network);
  const checked = parseFragments([{ file: output ?? "50-host.yaml", rank: 2, text }]);
  const problems = checked.ok ? checked.warnings : [...checked.problems, ...checked.warnings];
  if (output !== undefined) await writeFileAtomic(output, text);
  if (json) {
    const document = { schema: "devcloud-agent/network-import/v1", from, config: checked.merged, remarks, problems };
    io.stdout(`${JSON.stringify({ ...document, text })}\n`);
  } else if (output === undefined) io.stdout(text);
  for (const { message, line } of json ? [] : problems) {
    io.stderr(`${line === undefined ? "" : `line ${line}: `}${message}\n`);
  }
  return checked.ok ? 0 : 1;
}

async function look(options: SessionOptions) {
  const { root, program, signal } = options;
  const places = placesUnder(root);
  const host = await openHost({
    root,
    program,
    timing: defaultTiming,
    looksOnly: true,
    report: () => undefined,
    onProblem: () => undefined,
  });
  try {
    const here = (await listDir(dirname(places.ovsdb))).includes(basename(places.ovsdb));
    const [ovs, kernel, dns] = await Promise.all([
      here ? host.ports.ovs.observe(signal) : undefined,
      host.ports.kernel.whole(signal),
      nameServers(places),
    ]);
    return { kernel, dns, ...(ovs === undefined ? {} : { ovs }) };
  } finally {
    host.close();
  }
}

/** Those that others reach too: what listens on the host itself asks them in turn. */
async function nameServers({ root }: Places): Promise<readonly string[]> {
  const bytes = await readFileBounded(join(root, "etc/resolv.conf"), MAX_BYTES).catch(() => new Uint8Array());
  return [...new TextDecoder().decode(bytes).matchAll(/^nameserver\s+([0-9a-fA-F.:]+)\s*$/gm)]
    .flatMap(([, address]) => address ?? [])
    .filter((address) => !address.startsWith("127.") && address !== "::1");
}

async function refuseOverwrite(file: string): Promise<void> {
  if (!(await listDir(dirname(file))).includes(basename(file))) return;
  throw new AgentError({
    code: "E_FILE_EXISTS",
    message: `${file} is there already, and is not overwritten`,
    file,
    hint: "Name another file, or move that one away.",
  });
}

const HELP = `
What a host cannot know is marked "decide": the fabrics, names of VLANs, the number of the VLAN that has no tag.
Exit code: 0 done, 1 what it says is not valid yet, 4 refused: LACP, several bonds and the like are not in the configuration.

Examples:
  devcloud-agent network import
  devcloud-agent network import --output /etc/devcloud-agent/config.d/50-host.yaml
`;
