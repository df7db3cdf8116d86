import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { OwnMetrics } from "../agent/web/own-metrics.ts";
import type { Collector, HostFiles, MetricHead } from "../collectors/collector.ts";
import { openCollectors } from "../collectors/index.ts";
import { scrapeMetrics } from "../collectors/scrape.ts";

/** The page that lists every metric. */
export const METRICS_PAGE = new URL("../docs/metrics.md", import.meta.url);

const unread = (): never => {
  throw new Error("the tables of the collectors are listed, and nothing is read");
};
const host: HostFiles = { machine: "", read: unread, readSlow: unread, list: unread, use: unread };

const INTRODUCTION = `# Metrics

Written by \`node packaging/metrics-page.ts\` from the tables in \`collectors/\` and from the agent's own; a test holds the two
together. \`/metrics\` answers on the addresses of \`metrics.listen\` in the text exposition format, version 0.0.4.

The host's families have node_exporter's names, types, labels and helps (1.5, as Debian 12 has it), so that dashboards and alerts
made for it work unchanged; a test runs it beside the agent and compares. Where its flags leave a choice, the agent serves: all
network devices, also \`lo\` (\`--collector.netdev.device-exclude=^$\`); no speed for a device that does not know it
(\`--collector.netclass.ignore-invalid-speed\`); upstream's list of mount points to leave out, which is shorter than Debian's
(\`--collector.filesystem.mount-points-exclude\`). Not served: \`node_cpu_core_throttles_total\`, \`node_cpu_package_throttles_total\`,
\`node_disk_ata_*\`, and collectors that are not listed.

Containers have cAdvisor's names and labels; \`id\` is the path of the container's control group, and \`/docker/ID\` while it does not run.
\`node_bonding_*\` are those of Open vSwitch's bonds, which the kernel knows nothing of.

A collector that fails or is not done in \`metrics.timing.collect_timeout\` says \`node_scrape_collector_success\` 0 and costs its
own families and nothing else. A file system that does not answer says \`node_filesystem_device_error\` 1.

## TLS

\`metrics.web_config\` names a file in the form of exporter-toolkit. Of that form the agent does \`tls_server_config\` with
\`cert_file\`, \`key_file\`, \`min_version\` (\`TLS12\`, \`TLS13\`), and \`client_ca_file\` with \`client_auth_type: RequireAndVerifyClientCert\`.
Relative paths lie beside the file. Everything else is refused, \`basic_auth_users\` too: their passwords are hashed with bcrypt, which
Node does not have. A file that is missing or refused leaves every listener other than loopback closed.
`;

/** The page, as text. */
export async function metricsPage(): Promise<string> {
  const collectors = openCollectors({
    host,
    containers: { containers: unread, processes: unread },
    os: { deployments: unread },
    ovs: { observe: unread },
  });
  const own = new OwnMetrics("", "", unread);
  const sections = [
    ...collectors.map(sectionOf),
    section("scrape", Object.values(scrapeMetrics)),
    section("the agent itself", await own.heads()),
  ];
  return [INTRODUCTION, ...sections].join("\n");
}

function sectionOf({ name, metrics }: Collector): string {
  return section(name, metrics);
}

type Row = Omit<MetricHead, "type" | "labels"> & { readonly type: string; readonly labels?: readonly string[] };

function section(title: string, metrics: readonly Row[]): string {
  const rows = metrics
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels = [], help }) => {
      const list = labels.length === 0 ? "" : ` {${labels.join(", ")}}`;
      return `| \`${name}\`${list} | ${type} | ${help.replaceAll("|", "\\|")} |`;
    });
  return `## ${title}\n\n| metric | type | help |\n|---|---|---|\n${rows.join("\n")}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(METRICS_PAGE, await metricsPage());
