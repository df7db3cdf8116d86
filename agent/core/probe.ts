/** A way to see whether the host is still reachable through the network that the agent manages. */
export type ProbeTarget =
  | { readonly kind: "gateway"; readonly device: string; readonly address: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface ProbeResult {
  readonly target: ProbeTarget;
  readonly ok: boolean;
  /** Why it failed, for people. */
  readonly detail?: string;
}

/** The port behind which probes are sent. Never rejects but for an aborted signal. */
export interface Prober {
  probe(target: ProbeTarget, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult>;
}
