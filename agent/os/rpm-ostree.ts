import { type Deployments, type Listed, withRoles } from "./deployments.ts";
import { type Fields, isFields, parseObject, textOf, unreadable } from "./json.ts";

const TOOL = "rpm-ostree status --json";

/**
 * `rpm-ostree status --json`, of 2017 or today. What later versions added counts as unsaid where it is missing: no `staged` means
 * false. Of a container's deployment, whose whole manifest lies in the answer as text, only the reference and digest are kept.
 */
export function parseRpmOstree(text: string): Deployments {
  const status = parseObject(text, TOOL);
  if (!Array.isArray(status.deployments)) throw unreadable(TOOL, "there is no list of deployments");
  const listed = status.deployments.map((entry: unknown, index) => listedOf(entry, index));
  const transaction = transactionOf(status.transaction);
  return {
    source: "rpm-ostree",
    deployments: withRoles(listed),
    ...(transaction === undefined ? {} : { transaction }),
  };
}

function listedOf(entry: unknown, index: number): Listed {
  const fields: Fields = isFields(entry) ? entry : {};
  const stateroot = textOf(fields.osname);
  const checksum = textOf(fields.checksum);
  if (stateroot === undefined || checksum === undefined) {
    throw unreadable(TOOL, `deployment ${index} has no osname or checksum`);
  }
  const image = textOf(fields["container-image-reference"]);
  const origin = image ?? textOf(fields.origin);
  const digest = textOf(fields["container-image-reference-digest"]);
  const version = textOf(fields.version);
  const time = typeof fields.timestamp === "number" ? isoOf(fields.timestamp) : undefined;
  return {
    stateroot,
    checksum,
    ...(version === undefined ? {} : { version }),
    ...(time === undefined ? {} : { committedAt: time }),
    ...(origin === undefined ? {} : { origin }),
    ...(digest === undefined ? {} : { imageDigest: digest }),
    pinned: fields.pinned === true,
    locked: fields["finalization-locked"] === true,
    booted: fields.booted === true,
    staged: fields.staged === true,
  };
}

/** Seconds since the epoch; 0 is what a commit without a time has. */
function isoOf(seconds: number): string | undefined {
  const ms = seconds * 1000;
  return ms > 0 && ms <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}

/** `[method, sender, object path]`, or null. */
function transactionOf(value: unknown): string | undefined {
  return Array.isArray(value) ? textOf(value[0]) : undefined;
}
