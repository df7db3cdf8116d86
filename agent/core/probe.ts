/** A way to see whether the host is still reachable through the network that the agent manages. */
export type ProbeTarget =
  | { readonly kind: "gateway"; readonly device: string; readonly address: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A new connection to one of the controllers: what a change that a controller sent must not cut off. */
  | { readonly kind: "controller"; readonly way: ControllerWay };

/** How to get to a controller: any of the endpoints will do. */
export interface ControllerWay {
  readonly endpoints: readonly string[];
  /** Paths of PEM files, as they are on this machine. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** URL of an HTTP proxy. */
  readonly proxy?: string;
}

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
