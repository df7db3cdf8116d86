import type { RemoteStatus } from "./messages.ts";

/** What outlives the process: who we are to the controller, and what became of its configurations. */
export interface Session {
  /** UUIDv7 in hex. */
  readonly uid: string;
  /** Numbers below this one may have been used. */
  readonly sequence: number;
  readonly remote?: RemoteStatus;
  /** Being tried, with what to put back if it fails. */
  readonly applying?: { readonly hash: string; readonly previous: string | null };
  /** What is to be put back in the place of a configuration that failed, and could not be put back yet. */
  readonly takeBack?: { readonly hash: string; readonly previous: string | null };
  /** Oldest first. Never tried again by themselves. */
  readonly failed: readonly { readonly hash: string; readonly reason: string; readonly at: string }[];
}

/** How many failed configurations are remembered. */
const FAILED_KEPT = 50;

export function withApplied({ applying: _ended, ...session }: Session, hash: string): Session {
  const failed = session.failed.filter((entry) => entry.hash !== hash);
  return { ...session, failed, remote: { hash, status: "applied" } };
}

/** Nothing is known any more of what the controller offered last, nor that it failed. */
export function withForgotten({ remote, ...session }: Session): Session {
  return { ...session, failed: session.failed.filter(({ hash }) => hash !== remote?.hash) };
}

/** What was there before the configuration on trial is still to be put back. */
export function withTakeBack(session: Session): Session {
  return session.applying === undefined ? session : { ...session, takeBack: session.applying };
}

export function withTakenBack({ takeBack: _done, ...session }: Session): Session {
  return session;
}

/** `at` is ISO 8601, for people. */
export function withFailed(
  { applying: _ended, ...session }: Session,
  hash: string,
  reason: string,
  at: string,
): Session {
  const others = session.failed.filter((entry) => entry.hash !== hash);
  return {
    ...session,
    failed: [...others, { hash, reason, at }].slice(-FAILED_KEPT),
    remote: { hash, status: "failed", error: reason },
  };
}
