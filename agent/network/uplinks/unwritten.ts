import type { StateFiles, StateStore } from "../state.ts";

/**
 * A state in which what the bond is kept off holds for this process also while it cannot be written: a disk without room must not keep
 * the bond on a dead uplink. The write fails all the same, for whoever has to tell it.
 */
export function holdingUnwritten(state: StateStore): StateStore {
  let unwritten: Partial<StateFiles> = {};
  return {
    read: async (name) => unwritten[name] ?? state.read(name),
    async write(name, value) {
      if (name !== "avoid") return state.write(name, value);
      const held = { [name]: value };
      unwritten = held;
      await state.write(name, value);
      if (unwritten === held) unwritten = {};
    },
    remove: (name) => state.remove(name),
    render: (name, value) => state.render(name, value),
    claim: (from, to) => state.claim(from, to),
  };
}
