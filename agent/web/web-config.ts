import * as v from "valibot";
import { parse } from "yaml";
import { AgentError } from "../core/errors.ts";

/** What is done of exporter-toolkit's web configuration. */
export interface WebConfig {
  readonly tls?: {
    readonly certFile: string;
    readonly keyFile: string;
    readonly minVersion: "TLSv1.2" | "TLSv1.3";
    /** Only clients with a certificate of one of these authorities are let in. */
    readonly clientCaFile?: string;
  };
}

const tlsSchema = v.strictObject({
  cert_file: v.pipe(v.string(), v.minLength(1)),
  key_file: v.pipe(v.string(), v.minLength(1)),
  client_ca_file: v.exactOptional(v.string()),
  client_auth_type: v.exactOptional(v.picklist(["NoClientCert", "RequireAndVerifyClientCert"])),
  min_version: v.exactOptional(v.picklist(["TLS12", "TLS13"])),
});
const schema = v.strictObject({
  tls_server_config: v.exactOptional(tlsSchema),
  basic_auth_users: v.exactOptional(v.record(v.string(), v.string())),
});

/**
 * Reads a web configuration in the form of exporter-toolkit. Whatever is not understood is refused, because leaving it out would
 * open what somebody meant to protect.
 *
 * @throws AgentError E_WEB_CONFIG
 */
export function parseWebConfig(text: string, file: string): WebConfig {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw refused(file, "it is not YAML", error);
  }
  // As it is for a moment while somebody writes it.
  if (value === null) throw refused(file, "it is empty; without TLS it is {}");
  if (Array.isArray(value)) throw refused(file, "it is a list");
  const { success, output, issues } = v.safeParse(schema, value);
  if (!success) {
    const [first] = issues;
    throw refused(file, `${v.getDotPath(first) ?? "it"}: ${first.message}`);
  }
  const { tls_server_config: tls, basic_auth_users: users = {} } = output;
  // Node has no bcrypt, which the passwords of this form are hashed with.
  if (Object.keys(users).length > 0) throw refused(file, "basic_auth_users is not supported; use client certificates");
  if (tls === undefined) return {};
  const verify = tls.client_auth_type === "RequireAndVerifyClientCert";
  if (verify !== (tls.client_ca_file !== undefined)) {
    throw refused(file, "client_ca_file and client_auth_type: RequireAndVerifyClientCert belong together");
  }
  return {
    tls: {
      certFile: tls.cert_file,
      keyFile: tls.key_file,
      minVersion: tls.min_version === "TLS13" ? "TLSv1.3" : "TLSv1.2",
      ...(tls.client_ca_file === undefined ? {} : { clientCaFile: tls.client_ca_file }),
    },
  };
}

function refused(file: string, why: string, cause?: unknown): AgentError {
  return new AgentError(
    {
      code: "E_WEB_CONFIG",
      message: `${file} cannot be used: ${why}`,
      file,
    },
    { cause },
  );
}
