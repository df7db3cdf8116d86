import { OvsdbError } from "./errors.ts";

/** Certificates or a key as PEM text. Reading files is left to the caller. */
export type Pem = string | Buffer;

/** How to speak TLS with a server. */
export interface TlsOptions {
  /** Whose signature makes a server's certificate good. It is always checked, and the system's authorities do not count. */
  readonly ca: Pem | readonly Pem[];
  /** This client's certificate, for servers that ask for one (Open vSwitch's do). */
  readonly cert?: Pem;
  readonly key?: Pem;
  /**
   * The name or IP address that the server's certificate must be made out to. Without it any certificate that `ca` has
   * signed will do, because those of `ovs-pki` name no host.
   */
  readonly serverName?: string;
}

/** How to speak TLS, or a function that is asked for it at each attempt to connect: certificates are renewed now and then. */
export type Tls = TlsOptions | (() => TlsOptions | Promise<TlsOptions>);

/** Where a server listens. */
export type Address =
  /** A unix socket. */
  { readonly path: string } | { readonly host: string; readonly port: number; readonly tls?: Tls };

/** The port of OVSDB (RFC 7047 section 4). */
const DEFAULT_PORT = 6640;

/** A host name, an IPv4 address, or an IPv6 address in brackets, then perhaps a port. */
const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]+(?:%[^\]]+)?)\]|([^[\]:]+))(?::(\d{1,5}))?$/;

/**
 * An active connection method as Open vSwitch writes it: `unix:PATH`, `tcp:HOST[:PORT]` or `ssl:HOST[:PORT]`, IPv6 addresses in
 * brackets. Throws `usage`.
 *
 * @param tls what `ssl:` needs
 */
export function parseAddress(text: string, tls?: Tls): Address {
  const colon = text.indexOf(":");
  const method = text.slice(0, Math.max(colon, 0));
  const rest = text.slice(colon + 1);
  if (method === "unix") {
    return checked({ path: rest }, text);
  }
  if (method !== "tcp" && method !== "ssl") throw wrong(text, "expected unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT");
  const [, ipv6, name, digits] = HOST_PORT.exec(rest) ?? [];
  const host = ipv6 ?? name;
  const port = Number(digits ?? DEFAULT_PORT);
  if (host === undefined) throw wrong(text, `expected ${method}:HOST:PORT, an IPv6 address in brackets`);
  const address = checked({ host, port }, text);
  if (method === "tcp") return address;
  if (tls === undefined) throw wrong(text, "an address with ssl: needs a certificate authority");
  return { host, port, tls };
}

/** The address, if it can be one at all, be there a server or not. Throws `usage`. */
export function checked(address: Address, text = showAddress(address)): Address {
  if ("path" in address) {
    if (address.path === "" || address.path.includes("\0")) throw wrong(text, "it names no path");
  } else if (!Number.isInteger(address.port) || address.port < 1 || address.port > 65_535) {
    throw wrong(text, "a port is from 1 to 65535");
  }
  return address;
}

/** The address as a person writes it, and as `parseAddress` reads it. */
export function showAddress(address: Address): string {
  if ("path" in address) return `unix:${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${address.tls === undefined ? "tcp" : "ssl"}:${host}:${address.port}`;
}

function wrong(text: string, why: string): OvsdbError {
  return new OvsdbError("usage", `${JSON.stringify(text)} is no address of a server: ${why}`);
}
