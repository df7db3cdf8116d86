import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** A few lines: a serial console at 9600 baud takes a second for these. */
const MAX_BYTES = 1_000;

/** Says something on the machine's console. One that is missing, full or stuck keeps nobody waiting. */
export function writeConsole(file: string, text: string): void {
  void (async () => {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;
    const handle = await open(file, flags);
    try {
      await handle.write(`\r\n${text.replaceAll("\n", "\r\n")}\r\n`.slice(0, MAX_BYTES));
    } finally {
      await handle.close();
    }
  })().catch(() => undefined);
}
