import { basename, dirname, join } from "node:path";
import { Command, Option } from "commander";
import { hashOf } from "../../config/hash.ts";
import { AgentError } from "../../core/errors.ts";
import { exportNetwork } from "../../network/export.ts";
import { type Keyfile, keyfiles } from "../../network/export-keyfiles.ts";
import { ipScript } from "../../network/export-script.ts";
import { listDir, writeFileAtomic } from "../../system/files.ts";
import type { Io } from "../io.ts";
import { openSession, type SessionOptions } from "../session.ts";

interface ExportFlags {
  readonly format: "nmkeyfile" | "ip";
  readonly output?: string;
}

/** `network export`: the way out. Looks at the configuration and the links, and writes nothing but the files it is told to. */
export function exportCommand(io: Io, options: () => SessionOptions, done: (code: number) => void): Command {
  return new Command("export")
    .description("the configured network for a host without this agent and Open vSwitch; touches nothing")
    .addOption(
      new Option("--format <format>", "profiles of NetworkManager, or a script of ip commands")
        .choices(["nmkeyfile", "ip"])
        .makeOptionMandatory(),
    )
    .option("--output <directory>", "write it there, instead of to the terminal; files that are there stay as they are")
    .addHelpText("after", HELP)
    .action(async (flags: ExportFlags) => done(await exportHost(flags, io, options())));
}

async function exportHost({ format, output }: ExportFlags, io: Io, options: SessionOptions): Promise<number> {
  await using session = await openSession({ ...options, looksOnly: true });
  const { host, settings, desired, signal } = session;
  const { links } = await host.ports.kernel.observe(signal);
  const network = exportNetwork(desired.network, settings.host.dns, links);
  const files =
    format === "ip"
      ? [{ name: "network.sh", text: ipScript(network) }]
      : keyfiles(network, (name) => uuidOf(hashOf({ name, mac: network.bond.mac })));
  if (output === undefined) io.stdout(onTerminal(files));
  else await write(output, files, format === "ip" ? 0o700 : 0o600);
  for (const { device, names } of network.ports.filter(({ names }) => names.length > 1))
    io.stderr(`The kernel has one device for a VLAN: the addresses of ${names.join(", ")} are on ${device}.\n`);
  const bridges = Object.keys(desired.network.neutron?.bridges ?? {});
  if (bridges.length > 0) io.stderr(`Only Open vSwitch has ${bridges.join(", ")} (Neutron): not in the export.\n`);
  return 0;
}

function onTerminal(files: readonly Keyfile[]): string {
  const [only, ...others] = files;
  if (only !== undefined && others.length === 0) return only.text;
  return files.map(({ name, text }) => `# ${name}\n${text}`).join("\n");
}

/** All of them or none, as far as it can be known before. */
async function write(directory: string, files: readonly Keyfile[], mode: number): Promise<void> {
  const names = files.map(({ name }) => name);
  const there = await Promise.all(names.map((name) => listDir(dirname(join(directory, name)))));
  const taken = names.filter((name, index) => there[index]?.includes(basename(name)));
  if (taken.length > 0) {
    throw new AgentError({
      code: "E_FILE_EXISTS",
      message: `${directory} has ${taken.join(", ")} already, which is not overwritten`,
      file: directory,
      hint: "Name another directory, or move those away. Nothing was written.",
    });
  }
  for (const { name, text } of files) await writeFileAtomic(join(directory, name), text, mode);
}

/** The same profile has the same UUID at every export. Version 8 of RFC 9562: made from what its maker likes. */
function uuidOf(hash: string): string {
  const part = (from: number, to: number): string => hash.slice(from, to);
  return `${part(0, 8)}-${part(8, 12)}-8${part(13, 16)}-8${part(17, 20)}-${part(20, 32)}`;
}

const HELP = `
Nothing is changed: it is for the day on which this host is to do without. The bond is active-backup, and the switch ports stay as
they are. Profiles have the paths that they have below /etc/NetworkManager, beside the file that puts it in charge again. The order of
the steps is in operations.md, "The way out". Exit code: 0 done, 1 a file is there already, 2 the configuration is not valid.

Examples:
  devcloud-agent network export --format ip
  devcloud-agent network export --format nmkeyfile --output /root/way-out
`;
