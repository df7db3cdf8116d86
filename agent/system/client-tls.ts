import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import type { ControllerWay } from "../core/probe.ts";
import { readFileBounded } from "./files.ts";

const MAX_PEM = 1024 * 1024;

type TlsFiles = ControllerWay["tls"];
type Name = keyof TlsFiles;

/** What a connection presents, read anew for each, so that a renewed certificate counts from the next one on. */
export interface ClientTls {
  readonly options: SecureContextOptions;
  /** Said of our own certificate where the clock is outside of its life: controllers mostly just hang up on it. */
  readonly outdated?: string;
}

/** @throws AgentError E_CONTROLLER_TLS, and what reading files may throw; with the path */
export async function readClientTls(files: TlsFiles, now: number): Promise<ClientTls> {
  const [ca, cert, key] = await Promise.all([readPem("ca", files), readPem("cert", files), readPem("key", files)]);
  if (ca !== undefined) certificateIn(ca, "ca", files);
  const own = cert === undefined ? undefined : certificateIn(cert, "cert", files);
  if (key !== undefined) attempt(() => createSecureContext({ key }), "key", files, "is no private key");
  if (cert !== undefined && key !== undefined) {
    attempt(() => createSecureContext({ cert, key }), "key", files, `does not belong to ${files.cert}`);
  }
  const outdated = own === undefined ? undefined : lifeOf(own, now);
  return {
    options: { minVersion: "TLSv1.2", ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    ...(outdated && { outdated: `${files.cert} is valid ${outdated}` }),
  };
}

async function readPem(name: Name, files: TlsFiles): Promise<Buffer | undefined> {
  const file = files[name];
  return file === undefined ? undefined : Buffer.from(await readFileBounded(file, MAX_PEM));
}

function certificateIn(pem: Buffer, name: Name, files: TlsFiles): X509Certificate {
  return attempt(() => new X509Certificate(pem), name, files, "has no certificate");
}

function attempt<T>(act: () => T, name: Name, files: TlsFiles, otherwise: string): T {
  try {
    return act();
  } catch (error) {
    const file = files[name] ?? "";
    const message = `controller.tls.${name}: ${file} ${otherwise} (${problemOf(error).message})`;
    const problem = { code: "E_CONTROLLER_TLS", message, file, hint: "PEM files are what is read here." };
    throw new AgentError(problem, { cause: error });
  }
}

function lifeOf({ validFrom, validTo }: X509Certificate, now: number): string | undefined {
  if (now > Date.parse(validTo)) return `until ${validTo} only`;
  return now < Date.parse(validFrom) ? `from ${validFrom} on only` : undefined;
}

/** What is wrong with TLS itself; undefined where `error` is about something else. */
export function tlsProblem(error: Error, files: TlsFiles, outdated: string | undefined): Problem | undefined {
  const code = "code" in error ? String(error.code) : "";
  const own = outdated === undefined ? "" : `; ${outdated}`;
  if (/^ERR_SSL_.*_ALERT_/.test(code)) {
    const shown = files.cert === undefined ? "no certificate" : files.cert;
    return problem(`the controller refused what it was shown, ${shown}: ${error.message.trim()}${own}`);
  }
  if (VERIFICATION.test(code)) {
    const by = files.ca === undefined ? "the system's authorities" : files.ca;
    return problem(`the controller's certificate is refused: ${error.message} (looked at with ${by})`);
  }
  const cutOff = outdated !== undefined && /^(ECONNRESET|EPIPE)$/.test(code);
  return cutOff ? problem(`the controller ended the connection${own}`) : undefined;
}

/** The codes by which Node tells that a certificate did not pass. */
const VERIFICATION =
  /^(CERT_|CRL_|ERR_TLS_CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_)/;

function problem(message: string): Problem {
  const hint = "Check the files of controller.tls, the clock of this host, and the name in the endpoint.";
  return { code: "E_CONTROLLER_TLS", message, hint };
}
