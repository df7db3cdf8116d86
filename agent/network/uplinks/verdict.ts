/** What was asked of the network behind the bond, and what of it answered. */
export interface Round {
  readonly gateway: boolean;
  /**
   * Whoever else was asked, by name. An answer of anybody clears the uplink; only the silence of a witness, who answered without the
   * gateway's help while that was alive, speaks against it.
   */
  readonly others: readonly { readonly name: string; readonly ok: boolean; readonly witness: boolean }[];
}

/**
 * What a silent gateway means. `alive`: it answered after all. `gateway-silent`: somebody else answers over the same uplink, so the
 * gateway is to blame. `alone`: nobody else could tell. `deaf`: nobody answers, so the uplink is to blame.
 */
export type Verdict =
  | { readonly kind: "alive" }
  | { readonly kind: "gateway-silent"; readonly heard: readonly string[] }
  | { readonly kind: "alone" }
  | { readonly kind: "deaf"; readonly asked: number };

/** Pure: the last rounds, all after the gateway fell silent. One answer in any of them is an answer. */
export function judge(rounds: readonly Round[]): Verdict {
  if (rounds.some(({ gateway }) => gateway)) return { kind: "alive" };
  const others = rounds.flatMap((round) => round.others);
  const heard = [...new Set(others.filter(({ ok }) => ok).map(({ name }) => name))];
  if (heard.length > 0) return { kind: "gateway-silent", heard };
  const asked = new Set(others.filter(({ witness }) => witness).map(({ name }) => name)).size;
  return asked === 0 ? { kind: "alone" } : { kind: "deaf", asked: asked + 1 };
}

export type Move = { readonly move: string } | { readonly stay: "alert" | "no-standby" | "too-soon" };

/**
 * Where the bond has to go when its active member is deaf: the first of those that are fit. Such a move is blind, since a standby
 * cannot be asked before traffic goes there, so it is made at most once in `everyMs`. Pure.
 */
export function nextMember(
  fit: readonly string[],
  policy: { readonly mode: "alert" | "switch"; readonly sinceMoveMs: number; readonly everyMs: number },
): Move {
  if (policy.mode === "alert") return { stay: "alert" };
  const [next] = fit;
  if (next === undefined) return { stay: "no-standby" };
  return policy.sinceMoveMs < policy.everyMs ? { stay: "too-soon" } : { move: next };
}
