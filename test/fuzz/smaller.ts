/** A smaller input that still fails: pieces are left out, halves first and single bytes last, as long as that helps. */
export function smaller(input: Buffer, fails: (candidate: Buffer) => boolean): Buffer {
  let best = input;
  // A bound on the work, for large inputs that cannot be made much smaller.
  let tries = 3000;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && tries > 0; tries -= 1) {
      const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (fails(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}
