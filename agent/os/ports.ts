/** What the host can say of its deployments: the port that agent/system/deployments.ts fills. */
export interface DeploymentTools {
  /**
   * Changes whenever the list of deployments does; undefined on a host that has none. Cheap: asked at every pass.
   */
  stamp(): Promise<Stamp | undefined>;
  /** The answer of the first tool that there is; undefined if there is none. Throws E_TOOL_TIMEOUT, E_OS_STATUS. */
  read(signal: AbortSignal): Promise<Answer | undefined>;
  /** When this host booted, in milliseconds since the epoch. */
  bootedAt(): number;
}

export interface Stamp {
  readonly text: string;
  /** When the list of deployments was last written, in milliseconds since the epoch. */
  readonly writtenAt: number;
}

export interface Answer {
  readonly tool: "rpm-ostree" | "bootc" | "ostree";
  readonly text: string;
}
