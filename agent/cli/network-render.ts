import pc from "picocolors";
import { printable } from "../config/printable.ts";
import type { Problem } from "../core/errors.ts";

/** A message may quote what a tool said. */
const MOST = 2_000;

/** Problems, one a line, with what to do about them below. */
export function renderProblems(problems: readonly Problem[], colour: boolean): readonly string[] {
  const paint = pc.createColors(colour);
  return problems.flatMap(({ code, message, hint }) => [
    `${paint.red("!")} ${printable(message.trim().replaceAll(/\s*\n\s*/g, "; "), MOST)} ${paint.dim(`(${code})`)}`,
    ...(hint === undefined ? [] : [`    ${paint.dim(hint)}`]),
  ]);
}
