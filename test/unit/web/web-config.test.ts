import { describe, expect, it } from "vitest";
import { parseWebConfig } from "../../../agent/web/web-config.ts";

const tls = "tls_server_config: { cert_file: a.crt, key_file: a.key";

describe("a web configuration", () => {
  it("may say nothing, a certificate, and whose certificates are asked for", () => {
    expect(parseWebConfig("{}", "f")).toEqual({});
    expect(parseWebConfig("basic_auth_users: {}", "f")).toEqual({});
    expect(parseWebConfig(`${tls} }`, "f")).toEqual({
      tls: { certFile: "a.crt", keyFile: "a.key", minVersion: "TLSv1.2" },
    });
    const strict = ", min_version: TLS13, client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert }";
    expect(parseWebConfig(`${tls}${strict}`, "f").tls).toMatchObject({ minVersion: "TLSv1.3", clientCaFile: "ca.crt" });
  });

  it.each([
    ["basic_auth_users: { prometheus: $2y$10$x }", "basic_auth_users is not supported"],
    ["http_server_config: { http2: true }", "http_server_config"],
    ["tls_server_config: { cert_file: a.crt }", "key_file"],
    [`${tls}, client_auth_type: RequireAnyClientCert }`, "client_auth_type"],
    [`${tls}, client_auth_type: RequireAndVerifyClientCert }`, "belong together"],
    [`${tls}, client_ca_file: ca.crt }`, "belong together"],
    [`${tls}, min_version: TLS10 }`, "min_version"],
    [`${tls}, cipher_suites: [x] }`, "cipher_suites"],
    ["", "it is empty"],
    ["# later\n", "it is empty"],
    ["[]", "it is a list"],
    ["a: [", "not YAML"],
    ["a: &a [*a, *a]", "not YAML"],
  ])("is refused whole where it is not understood: %s", (text, why) => {
    expect(() => parseWebConfig(text, "web.yml")).toThrow(why);
  });
});
