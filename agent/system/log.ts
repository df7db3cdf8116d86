/** One JSON object a line on standard output, which is the journal's. */
export interface Logger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

type Line = readonly [level: keyof Logger, fields: object, message: string];

/**
 * The log. pino is loaded while the first answers of Open vSwitch are waited for, because nothing needs it before; lines
 * until then are kept and come out in order.
 */
export function openLog(): Logger & { readonly opened: Promise<void> } {
  let sink: Logger | undefined;
  const waiting: Line[] = [];
  const opened = new Promise((resolve) => setImmediate(resolve)).then(async () => {
    const { pino } = await import("pino");
    sink = pino({ base: null, formatters: { level: (label) => ({ level: label }) } });
    for (const [level, fields, message] of waiting.splice(0)) sink[level](fields, message);
  });
  const write = (...line: Line): void => {
    const [level, fields, message] = line;
    if (sink === undefined) waiting.push(line);
    else sink[level](fields, message);
  };
  return {
    opened,
    info: (fields, message) => write("info", fields, message),
    error: (fields, message) => write("error", fields, message),
  };
}
