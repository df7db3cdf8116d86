import { type Deployments, type Listed, withRoles } from "./deployments.ts";
import { type Fields, isFields, parseObject, textOf, unreadable } from "./json.ts";

const TOOL = "bootc status --format=json --format-version=1";

/** `bootc status` names the slots itself: staged, booted, rollback; each may be null. */
export function parseBootc(text: string): Deployments {
  const { status } = parseObject(text, TOOL);
  if (!isFields(status)) throw unreadable(TOOL, "there is no status");
  const slots = [
    { fields: status.staged, staged: true, booted: false },
    { fields: status.booted, staged: false, booted: true },
    { fields: status.rollback, staged: false, booted: false },
  ];
  const listed = slots.flatMap(({ fields, ...flags }) => (isFields(fields) ? [{ ...slotOf(fields), ...flags }] : []));
  // After `bootc rollback` the next boot takes the one that is called rollback.
  const queued = status.rollbackQueued === true;
  const order = queued ? listed.toSorted((a, b) => Number(a.booted) - Number(b.booted)) : listed;
  return { source: "bootc", deployments: withRoles(order) };
}

function slotOf(slot: Fields): Omit<Listed, "booted" | "staged"> {
  const image: Fields = isFields(slot.image) ? slot.image : {};
  const reference: Fields = isFields(image.image) ? image.image : {};
  const ostree: Fields = isFields(slot.ostree) ? slot.ostree : {};
  const digest = textOf(image.imageDigest);
  const checksum = textOf(ostree.checksum) ?? digest;
  if (checksum === undefined) throw unreadable(TOOL, "a deployment has neither checksum nor digest");
  const version = textOf(image.version);
  const time = textOf(image.timestamp);
  const origin = textOf(reference.image);
  return {
    stateroot: textOf(ostree.stateroot) ?? "default",
    checksum,
    ...(version === undefined ? {} : { version }),
    ...(time === undefined ? {} : { committedAt: time }),
    ...(origin === undefined ? {} : { origin }),
    ...(digest === undefined ? {} : { imageDigest: digest }),
    pinned: slot.pinned === true,
    locked: false,
  };
}
