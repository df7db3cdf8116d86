import { stringify } from "yaml";

const REDACTED = "(left out)";

/**
 * The configuration in force as YAML, for whoever may see the host and not its secrets. The schema has a place for a secret in
 * two settings only: the account of a proxy, and what a container's declaration says. Pure.
 */
export function effectiveText(merged: unknown): string {
  return stringify(without(merged, []), { lineWidth: 0 });
}

function without(value: unknown, path: readonly string[]): unknown {
  if (path.join(".") === "controller.proxy") return withoutAccount(value);
  if (path.length === 3 && path[0] === "containers" && path[1] === "manifest") return REDACTED;
  if (Array.isArray(value)) return value.map((item: unknown) => without(item, [...path, "[]"]));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, without(entry, [...path, key])]));
}

function withoutAccount(value: unknown): unknown {
  if (typeof value !== "string" || !URL.canParse(value)) return REDACTED;
  const url = new URL(value);
  if (url.username === "" && url.password === "") return value;
  return `${url.protocol}//${REDACTED}@${url.host}`;
}
