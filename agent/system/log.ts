import { pino } from "pino";

export type Logger = ReturnType<typeof openLog>;

/** One JSON object a line on standard output, which is the journal's. */
export function openLog(level = "info") {
  return pino({ level, base: null, formatters: { level: (label) => ({ level: label }) } });
}
