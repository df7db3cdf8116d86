import { type Deployments, type Listed, withRoles } from "./deployments.ts";
import { unreadable } from "./json.ts";

const TOOL = "ostree admin status";

/** `* STATEROOT CHECKSUM.SERIAL (staged) (soft-reboot)`: the star is the booted one, what is in brackets its state. */
const DEPLOYMENT = /^([* ]) (\S+) ([0-9a-f]{64})\.\d+((?: \([^)]*\))*)$/;

/** `ostree admin status`, which has no JSON before 2025. Lines that are not known are passed over: a newer ostree says more. */
export function parseOstree(text: string): Deployments {
  if (text.trim() === "" || /^No deployments\.$/m.test(text)) return { source: "ostree", deployments: [] };
  const listed: Listed[] = [];
  for (const line of text.split("\n")) {
    const [, star, stateroot, checksum, marks = ""] = DEPLOYMENT.exec(line) ?? [];
    if (stateroot !== undefined && checksum !== undefined) {
      // Only a staged one can be locked, and then a newer ostree says no more than that.
      const locked = marks.includes("(finalization locked)");
      const staged = locked || marks.includes("(staged)");
      listed.push({ stateroot, checksum, booted: star === "*", staged, pinned: false, locked });
      continue;
    }
    const last = listed.at(-1);
    const [, name, value] = /^ {4}(\S.*?): (.*)$/.exec(line) ?? [];
    if (last === undefined || name === undefined || value === undefined) continue;
    listed[listed.length - 1] = { ...last, ...detailOf(name, value) };
  }
  if (listed.length === 0) throw unreadable(TOOL, "it printed something unknown");
  return { source: "ostree", deployments: withRoles(listed) };
}

function detailOf(name: string, value: string): Partial<Listed> {
  switch (name) {
    case "Version":
      return { version: value };
    case "origin refspec":
      return { origin: value };
    case "Pinned":
      return { pinned: value === "yes" };
    default:
      return {};
  }
}
