import type { FleetHost } from "./host.ts";
import type { Management } from "./network-line.ts";
import { rescueScript } from "./rescue.ts";
import { quoted, writeLines } from "./shell.ts";
import { yamlText } from "./yaml-text.ts";

const FOLDER = "/etc/devcloud-agent";
/** Where the one-time token for the controller lies until it is used. */
const TOKEN_FILE = `${FOLDER}/enrolment-token`;
const HANDS_OFF = "/usr/share/devcloud-agent/hands-off";
const fail = 'fail() { echo "devcloud-agent kickstart: $*" >&2; exit 1; }';

/** `%pre`: the machine is the one that the model means. Nothing is written before that. */
export function preScript({ name, install, settings }: FleetHost): readonly string[] {
  const { nics, bond } = settings.network;
  const wanted = bond.members.map((nic) => `nic ${quoted(nic)} ${quoted(nics[nic]?.mac ?? "")}`);
  return [
    "set -eu",
    fail,
    "nic() {",
    "  for file in /sys/class/net/*/address; do",
    '    if [ "$(cat "$file")" = "$2" ]; then return 0; fi',
    "  done",
    `  fail "this machine has no NIC with the address $2, $1 of ${name}"`,
    "}",
    ...wanted,
    `[ -b ${quoted(install.disk)} ] || fail "this machine has no disk ${install.disk}"`,
  ];
}

/**
 * `%post`, in the new system: the host's configuration, the rescue for its first boot, the token, hands off the network. Only /etc is written: /usr is
 * read-only, and what belongs into /var is made at the first boot.
 */
export function postScript(host: FleetHost, management: Management, token: string | undefined): readonly string[] {
  const head = `# ${host.name}, written by kickstart. See /usr/share/doc/devcloud-agent/host.yaml.\n`;
  const enrolment =
    token === undefined
      ? ["# No enrolment token was given: the host does not enrol by itself."]
      : [`(umask 077 && printf '%s\\n' ${quoted(token)} >${TOKEN_FILE})`, `chmod 0600 ${TOKEN_FILE}`];
  return [
    "set -eu",
    "umask 022",
    `mkdir -p ${FOLDER}/config.d`,
    ...writeLines(`${FOLDER}/config.d/50-host.yaml`, head + yamlText(host.config), "0644"),
    ...writeLines(`${FOLDER}/rescue.sh`, rescueScript(host.settings.network, management), "0700"),
    ...enrolment,
    "# From the first boot on the network is the agent's: NetworkManager, networkd and udev leave it alone.",
    `cp -r ${HANDS_OFF}/. /etc/`,
    "# The same check that the agent makes at every start.",
    "devcloud-agent check-config",
  ];
}
