import { connect, isIP, type Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type Address, showAddress, type TlsOptions } from "./address.ts";
import { OvsdbError } from "./errors.ts";
import { isArray } from "./json.ts";

function errnoOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The operating system's view of a socket error, or OpenSSL's. */
export function socketError(kind: "unreachable" | "disconnected", address: Address, cause: Error): OvsdbError {
  return new OvsdbError(kind, `${showAddress(address)}: ${cause.message}`, { errno: errnoOf(cause), cause });
}

/**
 * Connects once, with the handshake of TLS where the address has it. Rejects with `unreachable` and an errno (`ETIMEDOUT` after
 * `timeoutMs`), or with the signal's reason.
 */
export async function openSocket(address: Address, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  if ("path" in address || address.tls === undefined) {
    signal.throwIfAborted();
    return await connected(connect(address), "connect", address, timeoutMs, signal);
  }
  const { host, port, tls } = address;
  // Only who speaks TLS pays for loading it.
  const { checkServerIdentity, connect: connectTls } = await import("node:tls");
  signal.throwIfAborted();
  const { serverName } = tls;
  const socket = tryTo(address, () =>
    connectTls({
      host,
      port,
      ...material(tls),
      ...(serverName === undefined || isIP(serverName) > 0 ? {} : { servername: serverName }),
      checkServerIdentity: (_, certificate) =>
        serverName === undefined ? undefined : checkServerIdentity(serverName, certificate),
    }),
  );
  return await connected(socket, "secureConnect", address, timeoutMs, signal);
}

function material({ ca, cert, key }: TlsOptions): ConnectionOptions {
  return {
    // Always a list: without authorities Node would trust those of the system.
    ca: isArray(ca) ? [...ca] : [ca],
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: true,
  };
}

/** A certificate or key that is none is found before anything is sent. */
function tryTo<T>(address: Address, open: () => T): T {
  try {
    return open();
  } catch (thrown) {
    throw socketError("unreachable", address, thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

function connected(
  socket: Socket,
  event: "connect" | "secureConnect",
  address: Address,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
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
    const late = (): void => {
      const message = `${showAddress(address)}: not connected after ${timeoutMs} ms`;
      fail(new OvsdbError("unreachable", message, { errno: "ETIMEDOUT" }));
    };
    // `Infinity` is no limit; a timer would take it for 1 ms.
    const timer = timeoutMs < Infinity ? setTimeout(late, timeoutMs) : undefined;
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once(event, () => finish(() => resolve(socket)));
    // It stays after the connection is made: an error without a listener would end the process.
    socket.on("error", (error) => fail(socketError("unreachable", address, error)));
  });
}
