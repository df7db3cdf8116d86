import { readFile } from "node:fs/promises";
import type { ParseArgsOptionsConfig } from "node:util";
import { type Address, parseAddress, type TlsOptions } from "../address.ts";
import { OvsdbError } from "../errors.ts";

/** A command of the program. */
export interface Command {
  readonly help: string;
  /** Resolves with the exit code. */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** What a command sees of the process. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Aborted by Ctrl-C, and when nobody reads what is written. */
  readonly signal: AbortSignal;
  /** Colours on stdout. */
  readonly colour: boolean;
}

/** What `ssl:` needs, under the names that Open vSwitch's own programs have for it. */
export const tlsOptions = {
  "ca-cert": { type: "string" },
  certificate: { type: "string" },
  "private-key": { type: "string" },
} satisfies ParseArgsOptionsConfig;

export const tlsHelp = `  --ca-cert FILE      for ssl: addresses: who may have signed the server's certificate
  --certificate FILE  for ssl: addresses: this client's certificate, and with
  --private-key FILE  its key`;

/** The address, for which the files of the TLS options are read at each attempt to connect. Throws `usage`. */
export function addressOf(
  text: string,
  files: { readonly [K in keyof typeof tlsOptions]?: string | undefined },
): Address {
  const { "ca-cert": ca, certificate, "private-key": key } = files;
  if (ca === undefined && (certificate ?? key) !== undefined) throw missing("--ca-cert");
  if (ca === undefined && text.startsWith("ssl:")) {
    throw new OvsdbError(
      "usage",
      `${text} needs the authority that signs the server's certificate: give --ca-cert FILE`,
    );
  }
  if ((certificate === undefined) !== (key === undefined)) {
    throw missing(key === undefined ? "--private-key" : "--certificate");
  }
  return parseAddress(text, ca === undefined ? undefined : () => readTls(ca, certificate, key));
}

async function readTls(ca: string, certificate: string | undefined, key: string | undefined): Promise<TlsOptions> {
  const authority = await readFile(ca, "utf8");
  if (certificate === undefined || key === undefined) return { ca: authority };
  return { ca: authority, cert: await readFile(certificate, "utf8"), key: await readFile(key, "utf8") };
}

/** The arguments by position. Throws `usage` if one is missing. */
export function required(args: readonly string[], ...names: readonly string[]): readonly string[] {
  const absent = names[args.length];
  if (absent === undefined) return args;
  throw missing(absent);
}

function missing(name: string): OvsdbError {
  return new OvsdbError("usage", `${name} is missing`);
}
