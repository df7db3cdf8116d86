import { formatPath, type Path, type Problem } from "../../agent/config/host.ts";
import type { PlacedHost } from "../host.ts";
import { PLACEHOLDER } from "../lint/placeholders.ts";

/** Of the names and addresses that the installer and the scripts are made of none looks like this. */
export function placeholdersFilled(host: PlacedHost): Problem[] {
  const inName = PLACEHOLDER.exec(host.name)?.[0];
  const hint = "Put the value there. If it is the value, choose another one: a kickstart with it could not be checked.";
  const told = (text: string) => ({
    code: "E_FLEET_PLACEHOLDER",
    message: `${text} looks like a placeholder that was not filled in`,
    hint,
  });
  return [
    ...(inName === undefined ? [] : [{ ...told(inName), ...host.at }]),
    ...placeholders(host.install).map(({ text, path }) => ({
      ...told(text),
      path: formatPath(["install", ...path]),
      ...host.place("install", path),
    })),
    ...placeholders(host.config)
      .filter(isName)
      .map(({ text, path }) => ({ ...told(text), path: formatPath(path), ...host.place("config", path) })),
  ];
}

/** Elsewhere it may well be meant: the agent reads a text as it stands. It is not shown, because it may be a part of a secret. */
export function placeholdersMeant(host: PlacedHost): Problem[] {
  return placeholders(host.config)
    .filter((found) => !isName(found))
    .map(({ path }) => ({
      code: "E_FLEET_PLACEHOLDER",
      message: "this looks like a placeholder that was not filled in, and is written as it stands",
      path: formatPath(path),
      ...host.place("config", path),
      hint: "Put the value there, unless it is meant.",
    }));
}

interface Found {
  readonly text: string;
  readonly path: Path;
}

function isName({ path: [top] }: Found): boolean {
  return top === "host" || top === "network";
}

/** In texts and in the keys of maps. */
function placeholders(value: unknown, path: Path = []): Found[] {
  if (typeof value === "string") {
    const text = PLACEHOLDER.exec(value)?.[0];
    return text === undefined ? [] : [{ text, path }];
  }
  if (typeof value !== "object" || value === null) return [];
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  return [...entries].flatMap(([key, inner]: [string | number, unknown]) => [
    ...(typeof key === "string" ? placeholders(key).map(({ text }) => ({ text, path: [...path, key] })) : []),
    ...placeholders(inner, [...path, key]),
  ]);
}
