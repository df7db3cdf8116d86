import type { Command, Document } from "../parse.ts";
import { about, type Finding, optionOf } from "./finding.ts";

const SOURCES: ReadonlySet<string> = new Set(["ostreesetup", "ostreecontainer", "bootc"]);
const OTHERS: ReadonlySet<string> = new Set([...SOURCES, "url", "cdrom", "nfs", "hmc", "harddrive", "liveimg"]);
const needed: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    ostreesetup: ["osname", "url", "ref"],
    ostreecontainer: ["url"],
    bootc: ["source-imgref", "target-imgref"],
  }),
);

/** One source, with all that it needs, and its signatures checked. */
export function sourceFindings({ commands }: Document): Finding[] {
  const [first, ...more] = commands.filter(({ name }) => OTHERS.has(name));
  if (first === undefined) {
    const message = "nothing says what to install";
    const hint = "Add one of ostreesetup, ostreecontainer, bootc.";
    return [{ code: "E_KICKSTART_MISSING", message, line: 1, column: 1, hint }];
  }
  const twice = more.map((command) =>
    about(command, "", {
      code: "E_KICKSTART_CONFLICT",
      message: `${command.name} is a second source; the first is ${first.name} on line ${first.line}`,
      hint: "Keep one of them.",
    }),
  );
  return [...twice, ...[first, ...more].flatMap(sourceOptions)];
}

function sourceOptions(command: Command): Finding[] {
  const missing = (needed.get(command.name) ?? []).filter((name) => (optionOf(command, name) ?? "") === "");
  const unsigned = ["nogpg", "no-signature-verification"].filter((name) => command.options.has(name));
  return [
    ...missing.map((name) =>
      about(command, name, {
        code: "E_KICKSTART_MISSING",
        message: `${command.name} without --${name}`,
        hint: `Add --${name}=....`,
      }),
    ),
    ...unsigned.map((name) =>
      about(command, name, {
        code: "E_KICKSTART_UNSAFE",
        message: `--${name}: whoever can stand between this host and the source decides what it runs`,
        hint: "Sign what is installed, and leave this option out.",
      }),
    ),
  ];
}

const drives: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    ignoredisk: ["only-use", "drives"],
    clearpart: ["drives"],
    bootloader: ["boot-drive"],
    part: ["ondisk", "ondrive"],
    partition: ["ondisk", "ondrive"],
  }),
);

/** Disks by names that stay: sda is another disk when a controller answers later. */
export function diskFindings({ commands }: Document): Finding[] {
  return commands.flatMap((command) =>
    (drives.get(command.name) ?? []).flatMap((option) =>
      (optionOf(command, option) ?? "")
        .split(",")
        .filter((drive) => drive !== "")
        .flatMap((drive) => {
          const wrong = wrongWith(drive);
          if (wrong === undefined) return [];
          const finding = {
            ...wrong,
            expected: "a whole disk below /dev/disk/by-id or /dev/disk/by-path",
            hint: "See `ls -l /dev/disk/by-id` of the host.",
          };
          return [about(command, option, finding)];
        }),
    ),
  );
}

function wrongWith(drive: string): { readonly code: string; readonly message: string } | undefined {
  if (!/^(\/dev\/)?disk\/by-(id|path)\/[^/\s]+$/.test(drive)) {
    return { code: "E_KICKSTART_UNSAFE", message: `${drive} may be another disk at the next boot` };
  }
  return /-part\d+$/.test(drive) ? { code: "E_KICKSTART_VALUE", message: `${drive} is a partition` } : undefined;
}
