/** What an image-based host has to boot from. Every field is what the tool of the host said; nothing is guessed. */
export interface Deployments {
  /** Who answered. */
  readonly source: "rpm-ostree" | "bootc" | "ostree";
  /** In the order of the boot loader, the default first. */
  readonly deployments: readonly Deployment[];
  /** What the tool is busy with, such as `upgrade`. */
  readonly transaction?: string;
}

export interface Deployment {
  /**
   * `booted`: runs now. `staged`: becomes the default at the next shutdown. `pending`: comes before the booted one, so that the
   * next boot takes it. `rollback`: the first one behind it. `kept`: all others.
   */
  readonly role: Role;
  /** Name of the state root. */
  readonly stateroot: string;
  /** Of the commit, or of the image's manifest where only that is known. */
  readonly checksum: string;
  readonly version?: string;
  /** Of the commit; ISO 8601 in UTC. */
  readonly committedAt?: string;
  /** Where it came from: a refspec, or the reference of a container image. */
  readonly origin?: string;
  readonly imageDigest?: string;
  readonly pinned: boolean;
  /** A staged one that waits for somebody's word. */
  readonly locked: boolean;
}

export type Role = "booted" | "staged" | "pending" | "rollback" | "kept";

export interface Listed extends Omit<Deployment, "role"> {
  readonly booted: boolean;
  readonly staged: boolean;
}

/** Gives each deployment its role by its place: tools say no more than which one is booted and which one is staged. */
export function withRoles(listed: readonly Listed[]): readonly Deployment[] {
  const at = listed.findIndex(({ booted }) => booted);
  // The rollback of a state root is its own: another system on the same disk is not what one goes back to.
  const rollback = listed.findIndex(
    ({ stateroot, staged }, index) => at !== -1 && index > at && !staged && stateroot === listed[at]?.stateroot,
  );
  return listed.map(({ booted, staged, ...deployment }, index) => {
    const role: Role = booted
      ? "booted"
      : staged
        ? "staged"
        : index < at
          ? "pending"
          : index === rollback
            ? "rollback"
            : "kept";
    return { role, ...deployment };
  });
}

/** The first of a role. */
export function deploymentOf(role: Role, { deployments }: Deployments): Deployment | undefined {
  return deployments.find((deployment) => deployment.role === role);
}
