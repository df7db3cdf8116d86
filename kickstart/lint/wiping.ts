import type { Command, Document } from "../parse.ts";
import { about, type Finding, optionOf } from "./finding.ts";

/** What writes to any disk that the installer finds, unless it is told which ones there are for it. */
const WRITES: ReadonlySet<string> = new Set(["zerombr", "autopart", "part", "partition"]);

/** A kickstart that says which disks the installer may write to: on this machine all others may hold somebody's data. */
export function wipingFindings({ commands }: Document): Finding[] {
  const chosen = commands.some((command) => command.name === "ignoredisk" && given(command, "only-use"));
  if (chosen) return [];
  const cleared = commands.filter((command) => command.name === "clearpart" && clearsAll(command));
  const written = commands.find(({ name }) => WRITES.has(name));
  const hint =
    "Name the disk of the system: ignoredisk --only-use=disk/by-id/NAME, as `ls -l /dev/disk/by-id` shows it.";
  return [
    ...cleared.map((command) =>
      about(command, "", { code: "E_KICKSTART_UNSAFE", message: "clearpart wipes every disk of the machine", hint }),
    ),
    ...(written === undefined
      ? []
      : [
          about(written, "", {
            code: "E_KICKSTART_UNSAFE",
            message: `${written.name} may write to any disk of the machine`,
            hint,
          }),
        ]),
  ];
}

/** pykickstart takes the beginning of an option for the option. */
function clearsAll(command: Command): boolean {
  const all = [...command.options.keys()].some((name) => "all".startsWith(name) || "linux".startsWith(name));
  return all && !given(command, "drives");
}

function given(command: Command, option: string): boolean {
  return (optionOf(command, option) ?? "") !== "";
}
