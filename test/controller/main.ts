/**
 * The reference controller: a small OpAMP server with a fleet page, for labs and tests. It keeps nothing over a restart, knows no
 * users, and believes what agents say of themselves: do not run it where hosts matter.
 *
 *   node test/controller/main.ts --listen 10.1.0.1:4320 --cert FILE --key FILE --page SOCKET_OR_PORT
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Fleet } from "./fleet.ts";
import { createPage } from "./page.ts";
import { OpampServer } from "./server.ts";

const { values } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:4320" },
    cert: { type: "string" },
    key: { type: "string" },
    page: { type: "string", default: "8320" },
  },
});
const at = values.listen.lastIndexOf(":");
const { cert, key } = values;
const tls = cert && key ? { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") } : undefined;
const fleet = new Fleet();
const opamp = await OpampServer.start(fleet, {
  host: values.listen.slice(0, at),
  port: Number(values.listen.slice(at + 1)),
  ...(tls === undefined ? {} : { tls }),
});
const page = createPage(fleet, opamp);
const say = (): void => void process.stdout.write(`up ${opamp.port}\n`);
// A number is a port of this machine alone; anything else is the path of a socket.
if (/^\d+$/.test(values.page)) page.listen(Number(values.page), "127.0.0.1", say);
else page.listen(values.page, say);
