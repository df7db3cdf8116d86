/**
 * Who has to go where there are too many: of the address with the most, the one that came first. So nobody shuts out others by
 * coming often, and whoever comes gets in. `guests` are in the order in which they came.
 */
export function firstOfTheMost<Guest extends { readonly address: string }>(guests: Iterable<Guest>): Guest | undefined {
  const byAddress = Map.groupBy(guests, ({ address }) => address);
  let most: readonly Guest[] = [];
  for (const group of byAddress.values()) if (group.length > most.length) most = group;
  return most[0];
}
