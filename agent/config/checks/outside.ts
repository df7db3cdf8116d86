import { parseIp } from "../../core/ip.ts";
import type { Draft } from "../draft.ts";
import { suggest } from "../nearest.ts";
import { neverOpen, openablePath } from "../openings.ts";
import { harmlessUrl } from "../secrets.ts";
import { splitHostPort } from "../values.ts";
import type { Finding } from "./finding.ts";

/**
 * Only wss: the controller's orders must not be readable or forgeable on the way. ws stays within the host. Which controller the
 * host speaks with is shown in logs, events and on the status page, so that nothing secret may stand in the URL.
 */
export function endpoints({ endpoints: urls }: Draft): Finding[] {
  return urls.flatMap(({ value: text, index }): Finding[] => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const path = ["controller", "endpoints", index];
    if (url !== undefined && (url.search !== "" || url.hash !== "")) return [query(path)];
    if (url?.protocol === "ws:" && !isLoopback(url.hostname)) {
      const message = "ws:// is not encrypted and leads away from this host";
      return [
        {
          code: "E_CONFIG_ENDPOINT",
          message,
          path,
          expected: "a wss:// URL",
          hint: harmlessUrl(text).replace(/^ws:/, "Write wss:"),
        },
      ];
    }
    return url && hasAccount(url) ? [account(path, "Use tls.cert and tls.key.")] : [];
  });
}

/** The proxy is reached without an account: a secret has no place in the configuration. */
export function proxy({ proxy: text }: Draft): Finding[] {
  if (text === undefined || !URL.canParse(text) || !hasAccount(new URL(text))) return [];
  return [account(["controller", "proxy"], "Let the proxy know this host by its address.")];
}

function hasAccount({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

function account(path: Finding["path"], hint: string): Finding {
  const message = "an account in the URL would be shown wherever the configuration is";
  return { code: "E_CONFIG_ENDPOINT", message, path, expected: "a URL without account", hint };
}

function query(path: Finding["path"]): Finding {
  const message = "a query or a fragment in the URL would be shown wherever the endpoint is";
  const hint =
    "Leave out what begins with ? or #. A controller knows this host by its certificate: tls.cert and tls.key.";
  return { code: "E_CONFIG_ENDPOINT", message, path, expected: "a URL that ends with its path", hint };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}

/** `HOST:PORT` to listen on: an address, or one of ours by its name. */
export function listeners({ listen, network }: Draft): Finding[] {
  return listen.flatMap(({ value: text, index }): Finding[] => {
    const host = splitHostPort(text)?.host;
    if (host === undefined || parseIp(host) || host === "localhost" || network?.addresses.has(host)) return [];
    const hint = suggest(host, network?.addresses.keys() ?? []);
    return [
      {
        code: "E_CONFIG_REFERENCE",
        message: `no address is called "${host}"`,
        path: ["metrics", "listen", index],
        expected: "an IP address or a name from network.addresses",
        ...(hint !== undefined && { hint }),
      },
    ];
  });
}

export function openings({ allow }: Draft): Finding[] {
  return allow.flatMap(({ value: entry, index }): Finding[] => {
    if (!entry.startsWith("config:")) return [];
    const steps = entry.slice("config:".length).split(".");
    const path = ["controller", "allow", index];
    if (neverOpen(steps)) {
      const message = `"${steps.join(".")}" can never be opened to the controller`;
      return [{ code: "E_CONFIG_CLOSED", message, path, expected: "another part of the configuration" }];
    }
    const problem = openablePath(steps);
    if (!problem) return [];
    const message = `there is no setting "${steps.join(".")}"`;
    return [
      {
        code: "E_CONFIG_REFERENCE",
        message,
        path,
        expected: "the path of a setting",
        ...(problem.hint && { hint: problem.hint }),
      },
    ];
  });
}
