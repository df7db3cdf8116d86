import { connect, isIP, type Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type Address, showAddress, type Tls, type TlsOptions } from "./address.ts";
import { OvsdbError } from "./errors.ts";
import { isArray } from "./json.ts";
import { after } from "./timer.ts";

/** What one read takes at most: as much as libuv would make room for, anew for each read. */
const READ_BYTES = 64 * 1024;

/** A socket, and the way to its bytes. Who gets them must not keep the buffer: the next read goes into the same one. */
export interface Wire {
  readonly socket: Socket;
  /** To be called in the turn of the event loop in which the connection was made: what is read before it is lost. */
  listen(receive: (bytes: Buffer) => void): void;
}

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
export async function openSocket(address: Address, timeoutMs: number, signal: AbortSignal): Promise<Wire> {
  if ("path" in address || address.tls === undefined) {
    signal.throwIfAborted();
    const wire = tryTo(address, () => openPlain(address));
    await connected(wire.socket, "connect", address, timeoutMs, signal);
    return wire;
  }
  const { host, port } = address;
  // Only who speaks TLS pays for loading it.
  const { checkServerIdentity, connect: connectTls } = await import("node:tls");
  const tls = await askedFor(address.tls, address, timeoutMs, signal);
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
  await connected(socket, "secureConnect", address, timeoutMs, signal);
  return { socket, listen: (receive) => void socket.on("data", receive) };
}

/** Updates are small and come one by one: a stream event and a new buffer for each would cost more than what is in them. */
function openPlain(address: Address): Wire {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let take: (bytes: Buffer) => void = () => undefined;
  const callback = (length: number): boolean => {
    take(buffer.subarray(0, length));
    return true;
  };
  const socket = connect({ ...address, onread: { buffer, callback } });
  return {
    socket,
    listen(receive) {
      take = receive;
    },
  };
}

/** Whoever gives it may read files, which may fail or hang. */
function askedFor(tls: Tls, address: Address, timeoutMs: number, signal: AbortSignal): Promise<TlsOptions> {
  if (typeof tls !== "function") return Promise.resolve(tls);
  const { promise, resolve, reject } = Promise.withResolvers<TlsOptions>();
  const onAbort = (): void => reject(signal.reason);
  const timer = after(timeoutMs, () => reject(late(address, "no certificates", timeoutMs)));
  signal.addEventListener("abort", onAbort, { once: true });
  new Promise<TlsOptions>((give) => give(tls())).then(resolve, (thrown) => reject(failed(address, thrown)));
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}

function late(address: Address, what: string, timeoutMs: number): OvsdbError {
  return new OvsdbError("unreachable", `${showAddress(address)}: ${what} after ${timeoutMs} ms`, {
    errno: "ETIMEDOUT",
  });
}

function failed(address: Address, thrown: unknown): OvsdbError {
  return socketError("unreachable", address, thrown instanceof Error ? thrown : new Error(String(thrown)));
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

/** What cannot be used, such as a certificate or key that is none, is found before anything is sent. */
function tryTo<T>(address: Address, open: () => T): T {
  try {
    return open();
  } catch (thrown) {
    throw failed(address, thrown);
  }
}

function connected(
  socket: Socket,
  event: "connect" | "secureConnect",
  address: Address,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
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
    const timer = after(timeoutMs, () => fail(late(address, "not connected", timeoutMs)));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once(event, () => finish(resolve));
    // It stays after the connection is made: an error without a listener would end the process.
    socket.on("error", (error) => fail(socketError("unreachable", address, error)));
  });
}
