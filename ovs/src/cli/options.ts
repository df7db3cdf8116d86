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

/** The address, with the files of the TLS options read. Throws `usage`, or what reading a file throws. */
export async function addressOf(
  text: string,
  files: { readonly [K in keyof typeof tlsOptions]?: string | undefined },
): Promise<Address> {
  const [ca, cert, key] = await Promise.all([files["ca-cert"], files.certificate, files["private-key"]].map(readPem));
  if (ca === undefined && (cert ?? key) !== undefined) throw new OvsdbError("usage", "--ca-cert is missing");
  const certified = cert === undefined || key === undefined ? {} : { cert, key };
  const tls: TlsOptions | undefined = ca === undefined ? undefined : { ca, ...certified };
  return parseAddress(text, tls);
}

async function readPem(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readFile(file, "utf8");
}

/** The arguments by position. Throws `usage` if one is missing. */
export function required(args: readonly string[], ...names: readonly string[]): readonly string[] {
  const missing = names[args.length];
  if (missing === undefined) return args;
  throw new OvsdbError("usage", `${missing} is missing`);
}
