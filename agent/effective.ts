import { stringify } from "yaml";
import { withoutSecrets } from "./config/secrets.ts";

/** The configuration in force as YAML, for whoever may see the host and not its secrets. Pure. */
export function effectiveText(merged: unknown): string {
  return stringify(withoutSecrets(merged), { lineWidth: 0 });
}
