import { join } from "node:path";
import { Command } from "commander";
import { loadSettings } from "../../config/load.ts";
import { AgentError } from "../../core/errors.ts";
import { kollaFiles } from "../../network/neutron/kolla.ts";
import { configFiles, writeFileAtomic } from "../../system/files.ts";
import type { Io } from "../io.ts";
import { InvalidConfig, type SessionOptions } from "../session.ts";

/** `network kolla`: Kolla's settings for hosts whose network is like this one's. Needs the configuration and nothing of the host. */
export function kollaCommand(io: Io, options: () => SessionOptions, done: (code: number) => void): Command {
  return new Command("kolla")
    .description("write the settings that Kolla needs for hosts like this one")
    .option("--output <folder>", "write them there, under the paths that they have below /etc/kolla")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", HELP)
    .action(async (flags: { output?: string; json: boolean }) => {
      const files = await render(options().root);
      const names = Object.keys(files);
      if (flags.output !== undefined) {
        for (const [name, text] of Object.entries(files)) await writeFileAtomic(join(flags.output, name), text);
      }
      if (flags.json) io.stdout(`${JSON.stringify({ schema: "devcloud-agent/network-kolla/v1", files })}\n`);
      else if (flags.output === undefined) io.stdout(names.map((name) => `# ${name}\n${files[name] ?? ""}`).join("\n"));
      else io.stdout(names.map((name) => `${join(flags.output ?? "", name)}\n`).join(""));
      done(0);
    });
}

async function render(root: string): Promise<Readonly<Record<string, string>>> {
  const result = await loadSettings(root, configFiles);
  if (!result.ok) throw new InvalidConfig(result);
  const { network } = result.settings;
  const files = network && kollaFiles(network);
  if (files !== undefined) return files;
  throw new AgentError({
    code: "E_CONFIG_NO_NETWORK",
    message: "the configuration of this host has no bridge for Neutron, or no address of its own",
    path: "network.neutron.bridges",
    hint: "/usr/share/doc/devcloud-agent/host.yaml is a commented example.",
  });
}

const HELP = `
Exit code: 0 done, 2 the configuration is not valid, or has nothing for Neutron.

Examples:
  devcloud-agent network kolla
  devcloud-agent network kolla --output /etc/kolla     on the machine that deploys
`;
