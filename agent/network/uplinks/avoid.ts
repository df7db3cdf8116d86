import type { NetworkSettings } from "../../config/settings.ts";

/** A NIC that the bond keeps off while another member works, whatever the configuration prefers. */
export interface Avoided {
  readonly nic: string;
  /** An operator works on its switch; the fabric behind it was found dead; its link comes and goes. */
  readonly why: "drained" | "deaf" | "flapping";
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Milliseconds since the epoch; absent: until a person says otherwise. */
  readonly until?: number;
  /** It holds for this boot only. */
  readonly bootId?: string;
}

/** Those that still hold. */
export function holding(avoid: readonly Avoided[], now: number, bootId: string): readonly Avoided[] {
  return avoid.filter(
    (entry) =>
      (entry.until === undefined || entry.until > now) && (entry.bootId === undefined || entry.bootId === bootId),
  );
}

/**
 * The member that the bond has to prefer: the configured primary, or, where that or an unpreferred bond's traffic is to be kept off a
 * NIC, the first member that nothing speaks against. Absent: no preference.
 */
export function preferred(bond: NetworkSettings["bond"], avoided: readonly string[]): string | undefined {
  const kept = bond.members.filter((nic) => !avoided.includes(nic));
  if (kept.length === bond.members.length || kept.length === 0) return bond.primary;
  return bond.primary !== undefined && kept.includes(bond.primary) ? bond.primary : kept[0];
}
