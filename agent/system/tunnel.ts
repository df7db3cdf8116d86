import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { type SecureContextOptions, connect as startTls } from "node:tls";
import { AgentError } from "../core/errors.ts";

/**
 * A socket to the host and port of `url` through an HTTP proxy.
 *
 * @throws AgentError E_CONTROLLER_PROXY
 */
export function openTunnel(proxy: URL, { hostname, port, protocol }: URL, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const target = `${hostname}:${port || (protocol === "ws:" ? 80 : 443)}`;
  const request = proxy.protocol === "https:" ? httpsRequest : httpRequest;
  const [host, headers] = [bare(proxy.hostname), { host: target }];
  const asked = request({ host, port: proxy.port, method: "CONNECT", path: target, headers, signal, agent: false });
  asked.once("connect", ({ statusCode = 0 }, socket, head) => {
    if (statusCode >= 200 && statusCode < 300) {
      if (head.length > 0) socket.unshift(head);
      return resolve(socket);
    }
    socket.destroy();
    reject(refused(proxy, `answered ${statusCode} when it was asked for ${target}`));
  });
  asked.on("error", (error) => reject(refused(proxy, `cannot be used: ${wordsOf(error)}`, error)));
  asked.end();
  return promise;
}

/** TLS with the other end of a tunnel, where the URL asks for it. */
export function overTunnel(tunnel: Socket, { protocol, hostname }: URL, files: SecureContextOptions): Socket {
  if (protocol === "ws:") return tunnel;
  const host = bare(hostname);
  return startTls({ ...files, socket: tunnel, host, servername: isIP(host) === 0 ? host : "" });
}

/** What an error says; those of several addresses tried at once say nothing but their code. */
export function wordsOf(error: Error): string {
  return error.message || ("code" in error ? String(error.code) : error.name);
}

/** URLs have brackets around an IPv6 address, sockets do not take them. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function refused(proxy: URL, why: string, cause?: Error): AgentError {
  return new AgentError(
    {
      code: "E_CONTROLLER_PROXY",
      // Never the whole URL: an account in it would come into the log.
      message: `the proxy ${proxy.origin} ${why}`,
      hint: "Check controller.proxy, and whether the proxy lets this host through to the endpoint.",
    },
    { cause },
  );
}
