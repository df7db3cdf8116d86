// Loaded into an agent before its program: its wall clock is off by what a file says, as after a jump of the machine's.
import { readFileSync } from "node:fs";

const file = process.env.CHAOS_CLOCK ?? "";
const Real = Date;

function offset() {
  try {
    return Number(readFileSync(file, "utf8")) || 0;
  } catch {
    return 0;
  }
}

globalThis.Date = class extends Real {
  constructor(...args) {
    if (args.length === 0) super(Real.now() + offset());
    else super(...args);
  }

  static now() {
    return Real.now() + offset();
  }
};
