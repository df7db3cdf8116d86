/** Serves this machine's metrics as the daemon does, and prints the address. Ends when it is killed. */
import { once } from "node:events";
import { createServer } from "node:net";
import { systemClock } from "../../agent/system/clock.ts";
import { SystemHostFiles } from "../../agent/system/host-files.ts";
import { WebServer } from "../../agent/system/web-server.ts";
import { pages } from "../../agent/web/pages.ts";
import { openCollectors } from "../../collectors/index.ts";
import { Scrape } from "../../collectors/scrape.ts";

const probe = createServer().listen(0, "127.0.0.1");
await once(probe, "listening");
const address = probe.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
probe.close();
await once(probe, "close");

const scrape = new Scrape(openCollectors({ host: new SystemHostFiles("/", () => 1_000) }), {
  clock: { monotonic: () => performance.now(), sleep: systemClock.sleep },
  timeoutMs: () => 2_000,
});
const server = new WebServer({
  routes: pages({
    metrics: () => scrape.text(),
    status: () => Promise.reject(new Error("no daemon")),
    ready: () => "no",
    alive: () => true,
  }),
  listen: [{ host: "127.0.0.1", port }],
  loopbackOnly: true,
  clientTimeoutMs: 30_000,
  requestTimeoutMs: 5_000,
  onProblem: (problem) => process.stderr.write(`${problem.message}\n`),
});
await server.refresh();
process.stdout.write(`http://127.0.0.1:${port}/metrics\n`);
