import { connect, type Socket } from "node:net";
import { OvsdbError } from "./errors.ts";

/** Where a server listens. */
export type Address =
  /** A unix socket. */
  { readonly path: string } | { readonly host: string; readonly port: number };

function errnoOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The address as a person writes it. */
export function showAddress(address: Address): string {
  return "path" in address ? `unix:${address.path}` : `tcp:${address.host}:${address.port}`;
}

/** The operating system's view of a socket error. */
export function socketError(kind: "unreachable" | "disconnected", address: Address, cause: Error): OvsdbError {
  return new OvsdbError(kind, `${showAddress(address)}: ${cause.message}`, { errno: errnoOf(cause), cause });
}

/** Connects once. Rejects with `unreachable` and an errno (`ETIMEDOUT` after `timeoutMs`), or with the signal's reason. */
export function openSocket(address: Address, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect(address);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const fail = (reason: unknown): void =>
      finish(() => {
        socket.destroy();
        reject(reason);
      });
    const onAbort = (): void => fail(signal.reason);
    const timer = setTimeout(() => {
      const message = `${showAddress(address)}: not connected after ${timeoutMs} ms`;
      fail(new OvsdbError("unreachable", message, { errno: "ETIMEDOUT" }));
    }, timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => finish(() => resolve(socket)));
    // It stays after the connection is made: an error without a listener would end the process.
    socket.on("error", (error) => fail(socketError("unreachable", address, error)));
  });
}
