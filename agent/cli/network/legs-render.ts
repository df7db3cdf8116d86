import type { Legs } from "../../network/legs/legs.ts";

/** Where the cable of a NIC ends, in a few words; empty where nobody told. */
export function endOfCable(legs: Legs | undefined, nic: string): string {
  const leg = legs?.state === "told" ? legs.legs.find((each) => each.nic === nic) : undefined;
  const ends = (leg?.neighbors ?? []).map(({ name, chassis, port }) => `on ${name ?? chassis} port ${port}`);
  return ends.join(" and ");
}

/** What there is to say where nobody tells, or no cable has said anything. */
export function legsRemark(legs: Legs): string | undefined {
  if (legs.state === "unknown") return `switch ports: unknown, ${legs.why}`;
  const silent = legs.legs.filter(({ neighbors }) => neighbors.length === 0).map(({ nic }) => nic);
  return silent.length === 0 ? undefined : `switch ports: no LLDP heard on ${silent.join(", ")}`;
}
