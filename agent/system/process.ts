import { flushCompileCache } from "node:module";

/** SIGTERM and SIGINT stop, SIGHUP reloads. A second SIGINT ends the process at once. */
export function onSignals(handlers: { readonly stop: () => void; readonly reload: () => void }): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping && signal === "SIGINT") process.exit(130);
    stopping = true;
    handlers.stop();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGHUP", handlers.reload);
}

/** A signal that is aborted by SIGINT and SIGTERM, for commands of the CLI. The second of them ends the process at once. */
export function interrupted(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    // Not every command gets to look at the signal.
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return controller.signal;
}

/** Lets the next start of this program find its compiled code (NODE_COMPILE_CACHE), without waiting for a clean end of this one. */
export function keepCompiledCode(): void {
  flushCompileCache();
}
