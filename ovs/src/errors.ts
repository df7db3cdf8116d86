/** What went wrong, as a class that a caller can act on. Never decide by an error's message. */
export type OvsdbErrorKind =
  /** No connection could be made; `errno` says why (`ENOENT`, `ECONNREFUSED`, `CERT_HAS_EXPIRED`, ...). */
  | "unreachable"
  /** There is no connection now, or it was lost before the answer came; `sent` tells the two apart. */
  | "disconnected"
  /** No answer within the time-out. The request was sent and may still be carried out. */
  | "timeout"
  /** The client, replica or lock was closed by its owner. */
  | "closed"
  /** The peer sent something that is no JSON-RPC of RFC 7047. The connection is dropped. */
  | "protocol"
  /** Too many requests wait, or too many bytes are not yet taken by the peer. Nothing was sent. */
  | "overloaded"
  /** The server refused the whole request (unknown method, unknown database, ...). */
  | "rpc"
  /** A `wait` of the transaction was not fulfilled: the database is not as the caller believed. Nothing was written. */
  | "guard"
  /** An `assert` of the transaction failed: this client does not own the lock. Nothing was written. */
  | "not-owner"
  /** Another number of rows than expected was changed; `committed` tells whether it was written. */
  | "count"
  /** The server refused an operation or the commit; `error` is the string of RFC 7047. Nothing was written. */
  | "rejected"
  /** A value does not have the declared type; `table` and `column` say which. */
  | "bad-value"
  /** The API was used wrongly. Trying again does not help. */
  | "usage";

/** The error strings of RFC 7047 (sections 3.1, 4.1 and 5.2). */
export const rfcErrors = [
  "I/O error",
  "aborted",
  "canceled",
  "constraint violation",
  "domain error",
  "duplicate uuid-name",
  "not owner",
  "not supported",
  "range error",
  "referential integrity violation",
  "resources exhausted",
  "timed out",
  "unknown database",
  "unknown monitor",
] as const;

/** Those that ovsdb-server has beside them (ovsdb-server(7), 3.1, and its source). */
export const openVswitchErrors = [
  "cluster error",
  "consistency violation",
  "database not available",
  "duplicate uuid",
  "internal error",
  "not allowed",
  "not leader",
  "ovsdb error",
  "permission error",
  "syntax error",
  "unknown column",
  "unknown method",
] as const;

/** What a server calls an error: one of the known strings, or another one. */
export type ServerError =
  | (typeof rfcErrors)[number]
  | (typeof openVswitchErrors)[number]
  | (string & Record<never, never>);

/** What an `OvsdbError` carries beside its kind and message. */
export interface OvsdbErrorDetails {
  /** The operating system's error, or OpenSSL's, for `unreachable` and `disconnected`. */
  readonly errno?: string | undefined;
  /** True if the request had been given to the socket: it may have been carried out. */
  readonly sent?: boolean | undefined;
  /** True if the transaction was committed all the same (only for `count`). */
  readonly committed?: boolean | undefined;
  /** Index of the failing operation in `Transaction.operations`; absent for an error of the commit as a whole. */
  readonly operation?: number | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  /** The server's error string, such as `constraint violation`. */
  readonly error?: ServerError | undefined;
  /** The server's explanation, for people. */
  readonly details?: string | undefined;
  readonly cause?: unknown;
}

/** The only error that this library makes, besides the reason of an `AbortSignal`. */
export class OvsdbError extends Error implements OvsdbErrorDetails {
  override readonly name: "OvsdbError" = "OvsdbError";
  readonly kind: OvsdbErrorKind;
  readonly errno: string | undefined;
  readonly sent: boolean;
  readonly committed: boolean;
  readonly operation: number | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly error: ServerError | undefined;
  readonly details: string | undefined;

  constructor(kind: OvsdbErrorKind, message: string, more: OvsdbErrorDetails = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.kind = kind;
    this.errno = more.errno;
    this.sent = more.sent ?? false;
    this.committed = more.committed ?? false;
    this.operation = more.operation;
    this.table = more.table;
    this.column = more.column;
    this.error = more.error;
    this.details = more.details;
  }
}

/** The value as an `OvsdbError`: itself, or one of the given kind with the value as its cause. */
export function asOvsdbError(thrown: unknown, kind: OvsdbErrorKind): OvsdbError {
  if (thrown instanceof OvsdbError) return thrown;
  return new OvsdbError(kind, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
