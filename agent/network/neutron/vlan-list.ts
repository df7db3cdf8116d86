/** `[110, 111, 112, 120]` as `[[110, 112], [120, 120]]`: runs without a gap, in order. */
export function runsOf(vlans: Iterable<number>): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const vlan of [...new Set(vlans)].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === vlan - 1) last[1] = vlan;
    else runs.push([vlan, vlan]);
  }
  return runs;
}

/** For people: `110-112, 120`. */
export function vlanWords(vlans: Iterable<number>): string {
  return runsOf(vlans)
    .map(([from, to]) => (from === to ? String(from) : `${from}-${to}`))
    .join(", ");
}
