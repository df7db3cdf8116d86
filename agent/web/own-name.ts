import type { WebAnswer, WebRoute } from "../system/web-server.ts";

/**
 * Monitoring asks for these by whatever name its targets have, which this host cannot know, and gets what an exporter tells
 * whoever reaches its port. What only people look at is kept to names that this host knows.
 */
const BY_ANY_NAME: readonly string[] = ["/metrics", "/livez", "/readyz"];

const misdirected: WebAnswer = {
  status: 421,
  type: "text/plain; charset=utf-8",
  body: "This host does not know itself by that name. Ask for it by its address, or by the name in host.name of its configuration.\n",
};

/**
 * A page of another site can let the name that it came from lead to this host (DNS rebinding), and then read what is answered as
 * its own. Its name stands in the Host header. Over TLS the browser has compared the name with our certificate.
 */
export function byOwnName(
  routes: Readonly<Record<string, WebRoute>>,
  names: () => readonly string[],
): Readonly<Record<string, WebRoute>> {
  const guarded = ([path, route]: [string, WebRoute]): [string, WebRoute] => [
    path,
    (request) => (request.secure || isOwn(request.headers.host, names()) ? route(request) : misdirected),
  ];
  return Object.fromEntries(
    Object.entries(routes).map((entry) => (BY_ANY_NAME.includes(entry[0]) ? entry : guarded(entry))),
  );
}

/** An address cannot be made to lead elsewhere, and a browser asks nobody for `localhost`. */
function isOwn(header: string | undefined, names: readonly string[]): boolean {
  const name = nameIn(header);
  if (name === "localhost" || /^\[.*\]$|^\d+\.\d+\.\d+\.\d+$/.test(name)) return true;
  const own = names.map((each) => each.toLowerCase()).flatMap((each) => [each, each.split(".", 1)[0]]);
  return name !== "" && own.includes(name);
}

/** Without the port and in the form that browsers compare names in; empty if it is none. */
function nameIn(header = ""): string {
  const url = `http://${header}`;
  return /^[\w.:[\]-]+$/.test(header) && URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, "") : "";
}
