import type { Document } from "../parse.ts";
import { about, type Finding } from "./finding.ts";

const known: ReadonlySet<string> = new Set([
  ...["%pre", "%pre-install", "%post", "%onerror", "%traceback", "%packages", "%addon", "%anaconda", "%certificate"],
]);
const mustSucceed: ReadonlySet<string> = new Set(["%pre", "%pre-install", "%post"]);

/** Sections that exist, and scripts whose failure ends the installation instead of leaving half a host. */
export function sectionFindings({ sections }: Document): Finding[] {
  return sections.flatMap((section) => {
    if (!known.has(section.name)) {
      const message = `${section.name} is no section`;
      const hint = `Sections are ${[...known].join(", ")}.`;
      return [about(section, "", { code: "E_KICKSTART_SYNTAX", message, hint })];
    }
    if (!mustSucceed.has(section.name) || section.options.has("erroronfail")) return [];
    const message = `${section.name} may fail unnoticed`;
    return [about(section, "", { code: "E_KICKSTART_UNSAFE", message, hint: "Add --erroronfail." })];
  });
}
