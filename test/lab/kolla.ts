import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./command.ts";
import type { Image } from "./docker.ts";
import type { Host } from "./host.ts";

/** What Kolla's containers begin with: configuration is copied at every start, then the command of config.json runs. */
const start = `#!/bin/sh
set -e
kolla_set_configs
exec sh -c "$(sed -n 's/.*"command": "\\(.*\\)".*/\\1/p' /var/lib/kolla/config_files/config.json)"
`;

/** With --check: 0 what runs is what is configured, 1 it is not, 2 something is missing. */
const setConfigs = `#!/bin/sh
from=/var/lib/kolla/config_files to=/etc/applied
[ -f "$from/config.json" ] || exit 2
case \${1-} in
  --check) [ -d "$to" ] || exit 2; diff -r "$from" "$to" >/dev/null && exit 0; exit 1 ;;
esac
rm -rf "$to"
cp -r "$from" "$to"
`;

const image: Image = {
  name: "lab-kolla/service:19.0",
  files: { "usr/local/bin/kolla_start": start, "usr/local/bin/kolla_set_configs": setConfigs },
  changes: [
    "LABEL kolla_version=19.0.0 maintainer=lab name=service build-date=20260101",
    "ENV PATH=/usr/local/bin:/bin",
    'CMD ["kolla_start"]',
  ],
};

/** Ends at once when it is told to, like cron of Kolla: with 143. */
const service = "trap 'exit 143' TERM; while :; do sleep 1000 & wait; done";

export interface KollaOptions {
  /** A shell command without double quotes; default: runs until SIGTERM. */
  readonly command?: string;
  /** Docker's restart policy; default that of Kolla up to Zed. */
  readonly policy?: string;
  /** A shell command; its health is looked at every 300 ms, and two bad answers count. */
  readonly health?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
}

/** The folder of a container's configuration on the host, as `/etc/kolla/SERVICE`. */
export function kollaConfig(host: Host, name: string): string {
  return join(host.root, "etc/kolla", serviceOf(name));
}

function serviceOf(name: string): string {
  return name.replaceAll("_", "-");
}

/** Starts a container that is made like Kolla's: environment, labels, mounts, start script. Returns its id. */
export async function runKolla(host: Host, name: string, options: KollaOptions = {}): Promise<string> {
  const { docker } = host;
  await docker.ensureImage(image);
  const folder = kollaConfig(host, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), `{ "command": "${options.command ?? service}" }\n`);
  const env = {
    KOLLA_CONFIG_STRATEGY: "COPY_ALWAYS",
    KOLLA_SERVICE_NAME: serviceOf(name),
    KOLLA_BASE_DISTRO: "lab",
    ...options.env,
  };
  const words = [
    ...["docker", "run", "--detach", "--network", "host", "--name", name],
    ...["--restart", options.policy ?? "unless-stopped"],
    ...["--volume", `${folder}/:/var/lib/kolla/config_files/:ro`],
    ...Object.entries(env).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
    ...(options.health === undefined
      ? []
      : ["--health-cmd", options.health, "--health-interval", "300ms", "--health-retries", "2"]),
    ...(options.options ?? []),
    image.name,
  ];
  return (await must(words, { env: host.env })).trim();
}

/** What a demo or a test waits by; nothing that a host would be run with. */
export const quickContainers = {
  relist: "2s",
  call_timeout: "2s",
  action_timeout: "15s",
  owner_grace: "500ms",
  unhealthy_for: "1s",
  // Half of it, the shortest pause, is longer than the owner's time, so that a pause is always seen.
  backoff_min: "1500ms",
  backoff_max: "2s",
  quiet: "100ms",
} as const;
