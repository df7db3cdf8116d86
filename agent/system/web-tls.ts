import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { createSecureContext, type TlsOptions } from "node:tls";
import { AgentError } from "../core/errors.ts";
import type { WebConfig } from "../web/web-config.ts";

/**
 * The files that a web configuration names, read and tried; relative ones lie beside it.
 *
 * @throws AgentError E_WEB_CONFIG
 */
export async function readWebTls(tls: NonNullable<WebConfig["tls"]>, file: string): Promise<TlsOptions> {
  const beside = (name: string): string => resolve(dirname(file), name);
  try {
    const options: TlsOptions = {
      cert: await readFile(beside(tls.certFile)),
      key: await readFile(beside(tls.keyFile)),
      minVersion: tls.minVersion,
      ...(tls.clientCaFile === undefined
        ? {}
        : { ca: await readFile(beside(tls.clientCaFile)), requestCert: true, rejectUnauthorized: true }),
    };
    createSecureContext(options);
    return options;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AgentError(
      {
        code: "E_WEB_CONFIG",
        message: `${file} cannot be used: ${why}`,
        file,
      },
      { cause: error },
    );
  }
}
