import { type LoadResult, parseFragments } from "../../../agent/config/load.ts";
import type { ConfigFiles } from "../../../agent/config/sources.ts";
import { AgentError } from "../../../agent/core/errors.ts";

/** The smallest network that is valid; tests add to it by a second fragment. */
export const MINIMAL = `version: 1
network:
  nics:
    em1: { fabric: A }
    em2: { fabric: B }
  bond: { name: bond0, members: [em1, em2], mode: active-backup }
  vlans: { management: 100 }
  addresses:
    mgmt0: { vlan: management, ipv4: [10.1.0.17/24], gateway: 10.1.0.1 }
`;

/** Merges texts of the host's own rank, in this order. */
export function parse(...texts: string[]): LoadResult {
  return parseFragments(texts.map((text, index) => ({ file: `${index + 1}.yaml`, rank: 2, text })));
}

/** Problems as `CODE path`, warnings included and marked; empty when the configuration is fine. */
export function complaints(result: LoadResult): string[] {
  const problems = result.ok ? [] : result.problems;
  const line = ({ code, path }: { code: string; path?: string }) => (path === undefined ? code : `${code} ${path}`);
  return [...problems.map(line), ...result.warnings.map((warning) => `warning ${line(warning)}`)];
}

/** The port to the host's files, filled from a table of absolute paths. */
export function tableOfFiles(table: Readonly<Record<string, string | Uint8Array>>): ConfigFiles {
  const encoder = new TextEncoder();
  return {
    list: async (directory) => {
      const prefix = directory.endsWith("/") ? directory : `${directory}/`;
      return Object.keys(table)
        .filter((file) => file.startsWith(prefix))
        .map((file) => file.slice(prefix.length));
    },
    read: async (file) => {
      const content = table[file];
      if (content === undefined)
        throw new AgentError({ code: "E_FILE_MISSING", message: `${file} does not exist`, file });
      return typeof content === "string" ? encoder.encode(content) : content;
    },
  };
}
