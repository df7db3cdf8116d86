import { suggest } from "../../agent/config/host.ts";
import type { Document } from "../parse.ts";
import { about, type Finding } from "./finding.ts";

/** The commands of EL 9 and 10 and of Fedora from 38 on. */
const known: ReadonlySet<string> = new Set(
  `%include %ksappend auth authconfig authselect autopart autostep bootc bootloader btrfs cdrom clearpart cmdline driverdisk eula fcoe firewall
  firstboot graphical group halt harddrive hmc ignoredisk iscsi iscsiname keyboard lang liveimg logging logvol mediacheck module
  mount network nfs nvdimm ostreecontainer ostreesetup part partition poweroff raid rdp realm reboot repo reqpart rescue rhsm rootpw
  selinux services shutdown skipx snapshot sshkey sshpw syspurpose text timesource timezone updates url user vnc volgroup xconfig
  zerombr zfcp zipl`.split(/\s+/),
);

export function commandFindings({ commands }: Document): Finding[] {
  return commands.flatMap((command): Finding[] => {
    if (known.has(command.name)) return [];
    const message = `nothing is called "${command.name}"`;
    const hint = suggest(command.name, known) ?? "See the kickstart reference for the commands.";
    return [about(command, "", { code: "E_KICKSTART_COMMAND", message, hint })];
  });
}
