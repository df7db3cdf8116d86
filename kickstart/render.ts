import { hashOf } from "../agent/config/host.ts";
import type { FleetHost } from "./host.ts";
import { managementOf, networkLine } from "./network-line.ts";
import type { Install } from "./schema.ts";
import { postScript, preScript } from "./scripts.ts";
import { quoted } from "./shell.ts";

/** Counts up when the same model is rendered otherwise. */
const RENDERER = 3;

export interface RenderOptions {
  /** For the controller, used once; absent: the host does not enrol by itself. */
  readonly token?: string;
}

/**
 * The kickstart of a host: the same model gives the same text. Throws TypeError for a value that validation should have refused.
 */
export function renderKickstart(host: FleetHost, { token }: RenderOptions = {}): string {
  const { name, install, settings, config } = host;
  const management = managementOf(settings.network);
  const nic = install.nic ?? settings.network.bond.members[0] ?? "";
  const mac = settings.network.nics[nic]?.mac;
  if (management === undefined || mac === undefined)
    throw new TypeError(`${name} passed validation and cannot be installed`);
  const lines = [
    `# kickstart of ${name}, by devcloud-agent`,
    `# release ${install.release}, renderer ${RENDERER}`,
    `# model ${hashOf({ name, install, config })}`,
    "text",
    `lang ${quoted(install.lang)}`,
    `keyboard --xlayouts=${quoted(install.keyboard)}`,
    `timezone ${quoted(install.timezone)} --utc`,
    "rootpw --lock",
    ...install.ssh_keys.map((key) => `sshkey --username=root ${quoted(key)}`),
    "# One plain line, for the installation alone: the bond is made by the agent.",
    networkLine(management, mac, { name, dns: settings.host.dns }),
    ...diskLines(install),
    sourceLine(install),
    "reboot",
    "",
    "%pre --erroronfail --log=/tmp/devcloud-pre.log",
    ...preScript(host),
    "%end",
    "",
    "%post --erroronfail --log=/etc/devcloud-agent/kickstart-post.log",
    ...postScript(host, management, token),
    "%end",
    "",
    "%onerror",
    "cat /tmp/devcloud-pre.log /mnt/sysroot/etc/devcloud-agent/kickstart-post.log 2>/dev/null || :",
    "%end",
  ];
  return `${lines.join("\n")}\n`;
}

/** One disk, by a name that stays, and no other is looked at; /var apart, so that a full one does not stop the system. */
function diskLines({ disk, root_mib }: Install): readonly string[] {
  const drive = quoted(disk.replace(/^\/dev\//, ""));
  return [
    "zerombr",
    `ignoredisk --only-use=${drive}`,
    `clearpart --all --initlabel --drives=${drive}`,
    `bootloader --boot-drive=${drive}`,
    "reqpart --add-boot",
    `part pv.01 --ondisk=${drive} --size=1024 --grow`,
    "volgroup host pv.01",
    `logvol / --vgname=host --name=root --fstype=xfs --size=${root_mib}`,
    "logvol /var --vgname=host --name=var --fstype=xfs --size=4096 --grow",
  ];
}

/** Exactly one. Signatures are checked: there is no way to ask for the contrary. */
function sourceLine({ source }: Install): string {
  const { kind, url, ref, stateroot } = source;
  const words = {
    ostreesetup: [`--osname=${stateroot}`, `--remote=${stateroot}`, `--url=${url}`, `--ref=${ref ?? ""}`],
    ostreecontainer: [`--stateroot=${stateroot}`, "--transport=registry", `--url=${url}`],
    bootc: [`--stateroot=${stateroot}`, `--source-imgref=registry:${url}`, `--target-imgref=${url}`],
  }[kind];
  return [kind, ...words].map(quoted).join(" ");
}
