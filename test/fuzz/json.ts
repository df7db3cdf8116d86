import type { Random } from "../fault/random.ts";

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

const uuids = ["1", "2", "3", "4"].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);

/** Few values, so that equal ones meet: the atoms, tags and identities of OVSDB among what it never says. */
const atoms: readonly Plain[] = [
  null, true, false, 0, 1, -1, 1.5, -0, 2 ** 53, -(2 ** 63), 1e308, "", "a", "b", "set", "map", "uuid", "named-uuid", "row0", "__proto__",
  "constructor", "toString", "é", "😀", "\ud800", "\0", '"\\"', "0-0", ...uuids,
]; // biome-ignore format: a list to be read as one
const keys = [
  "new",
  "old",
  "insert",
  "modify",
  "delete",
  "initial",
  "T",
  "U",
  "name",
  "tags",
  "__proto__",
  "constructor",
  "",
  ...uuids,
];

export function randomUuid(random: Random): string {
  return random.pick(uuids);
}

/** JSON of any kind, often shaped like a value of OVSDB. */
export function randomJson(random: Random, depth: number): Plain {
  if (depth === 0 || random.chance(0.3)) return random.pick(atoms);
  const some = (most: number): Plain[] =>
    Array.from({ length: random.between(0, most) }, () => randomJson(random, depth - 1));
  switch (random.between(0, 4)) {
    case 0:
      return ["set", some(3)];
    case 1:
      return ["map", some(3).map((value): Plain => [random.pick(atoms), value])];
    case 2:
      return ["uuid", randomUuid(random)];
    case 3:
      return some(4);
    default:
      return Object.fromEntries(some(4).map((value) => [random.pick(keys), value]));
  }
}

/** The same document with one to three of its values taken out, replaced, doubled or wrapped. */
export function changeJson(document: Plain, random: Random): Plain {
  let changed = document;
  for (let count = random.between(1, 3); count > 0; count -= 1) changed = changeOne(changed, random);
  return changed;
}

function changeOne(value: Plain, random: Random): Plain {
  if (typeof value !== "object" || value === null || random.chance(0.15)) return replaced(value, random);
  if (Array.isArray(value)) {
    if (value.length === 0) return [randomJson(random, 2)];
    const at = random.between(0, value.length - 1);
    return value.flatMap((one, index) => (index === at ? inList(one, random) : [one]));
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return { [random.pick(keys)]: randomJson(random, 2) };
  const at = random.between(0, entries.length - 1);
  return Object.fromEntries(
    entries.flatMap(([key, one], index) => (index === at ? inObject(key, one, random) : [[key, one]])),
  );
}

function inList(one: Plain, random: Random): Plain[] {
  if (random.chance(0.15)) return [];
  if (random.chance(0.15)) return [one, one];
  return [changeOne(one, random)];
}

function inObject(key: string, one: Plain, random: Random): (readonly [string, Plain])[] {
  if (random.chance(0.15)) return [];
  if (random.chance(0.15)) return [[random.pick(keys), one]];
  return [[key, changeOne(one, random)]];
}

function replaced(value: Plain, random: Random): Plain {
  return random.pick([() => [value], () => ["set", [value]], () => randomJson(random, 2), () => random.pick(atoms)])();
}

export function isPlainObject(value: Plain | undefined): value is { [key: string]: Plain } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An input as a document; undefined if it is none, as happens when one is made smaller byte by byte. */
export function parsePlain(input: Buffer): Plain | undefined {
  try {
    return JSON.parse(input.toString("utf8")) as Plain;
  } catch {
    return undefined;
  }
}

export function toInput(document: Plain): Buffer {
  return Buffer.from(`${JSON.stringify(document)}\n`);
}
