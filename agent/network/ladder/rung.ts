/** From the network as it is meant to be down to what is left when nothing else works. */
export type RungName = "last-good" | "single-member" | "kernel-vlan" | "link-local";
export type RungNumber = 0 | 1 | 2 | 3;

export const rungNumbers: Readonly<Record<RungName, RungNumber>> = {
  "last-good": 0,
  "single-member": 1,
  "kernel-vlan": 2,
  "link-local": 3,
};

/** Where the host stands, and why it does not stand higher. */
export interface Rung {
  readonly rung: RungNumber;
  readonly name: RungName;
  /** The NIC, by its name in the configuration, that carries it alone; absent where that is not one. */
  readonly nic?: string;
  /** The devices that carry the host's addresses, where they are not those of the configuration. */
  readonly devices?: readonly string[];
  /** Absent on the highest. */
  readonly why?: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** A rung as a person reads it. */
export function describeRung({ name, nic, devices = [], why }: Omit<Rung, "since">): string {
  switch (name) {
    case "last-good":
      return why === undefined
        ? "the network stands through Open vSwitch"
        : "the gateway answers, although not everything can be made as it has to be";
    case "single-member":
      return `the bond stands on ${nic ?? "one member"} alone`;
    case "kernel-vlan":
      return `the addresses are on ${devices.join(", ")}, on ${nic ?? "a NIC"}, without Open vSwitch`;
    case "link-local":
      return `only IPv6 link-local addresses are left, on ${devices.join(", ") || "no NIC"}`;
  }
}
