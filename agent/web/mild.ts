/** Problems with which the network still works as it should: somebody has to look, and nobody has to run. */
const codes = /^E_(LEGS_.*|NIC_DRAINED|UPLINK_FLAPPING)$/;

export function isMild({ code }: { readonly code: string }): boolean {
  return codes.test(code);
}

/** Each problem once: what the containers tell is among what the network tells too. */
export function distinct<P extends { readonly code: string; readonly message: string }>(
  problems: readonly P[],
): readonly P[] {
  return [...new Map(problems.map((problem) => [`${problem.code} ${problem.message}`, problem])).values()];
}
