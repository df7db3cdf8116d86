import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { FleetHost } from "../controller/fleet.ts";
import type { FleetView } from "../controller/page.ts";
import type { Manner } from "../controller/server.ts";
import { must } from "./command.ts";
import { type ConfigMap, labVlans } from "./config.ts";
import { gatewayAddress } from "./fabric.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { namespaceFile } from "./registry.ts";

const program = join(import.meta.dirname, "../controller/main.ts");
export const controllerPort = 4320;

/**
 * The reference controller in the gateway's namespace, where the hosts reach it over TLS with a certificate of the lab's own
 * authority; its page comes out through a socket. The lab's end ends it.
 */
export class LabController implements AsyncDisposable {
  readonly #socket: string;
  readonly #certificates: string;
  readonly #child: ChildProcess;
  #forwarder: Server | undefined;

  private constructor(socket: string, certificates: string, child: ChildProcess) {
    this.#socket = socket;
    this.#certificates = certificates;
    this.#child = child;
  }

  static async start(lab: Lab): Promise<LabController> {
    const certificates = join(lab.folder, "controller");
    const address = gatewayAddress(labVlans.management);
    // A controller that starts again is the one that the hosts know.
    if (!existsSync(join(certificates, "server.pem"))) await makeCertificates(certificates, address, lab.env);
    const socket = join(certificates, "page.sock");
    // One that was killed leaves its socket.
    await rm(socket, { force: true });
    const files = ["--cert", join(certificates, "server.pem"), "--key", join(certificates, "server.key")];
    const argv = ["--listen", `${address}:${controllerPort}`, ...files, "--page", socket];
    const enter = [`--net=${namespaceFile(lab.fabric.gateway)}`, process.execPath, program];
    const child = spawn("nsenter", [...enter, ...argv], {
      env: lab.env,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", () => resolve());
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`The reference controller ended with ${code}`)));
    });
    return new LabController(socket, certificates, child);
  }

  /** Gives a host the authority's certificate, and returns what to say in its configuration. */
  async configFor(host: Host, controller: ConfigMap = {}): Promise<ConfigMap> {
    const file = "etc/devcloud-agent/ca.pem";
    await mkdir(join(host.root, "etc/devcloud-agent"), { recursive: true });
    await copyFile(join(this.#certificates, "ca.pem"), join(host.root, file));
    return {
      endpoints: [`wss://${gatewayAddress(labVlans.management)}:${controllerPort}/v1/opamp`],
      tls: { ca: `/${file}` },
      allow: ["config:network.vlans", "config:network.addresses"],
      timing: {
        connect_timeout: "3s",
        ack_timeout: "4s",
        ping_after: "1s",
        silent_for: "3s",
        heartbeat: "2s",
        report_interval: "200ms",
        backoff_min: "100ms",
        backoff_max: "1s",
        healthy_after: "5s",
        retry_after_min: "1s",
        retry_after_max: "5s",
      },
      ...controller,
    };
  }

  /** Opens the fleet page to this machine's browsers; returns its URL. `port` 0 takes a free one. */
  async openPage(port = 0): Promise<string> {
    const server = createServer((browser) => {
      const controller = connect(this.#socket);
      for (const end of [browser, controller]) end.on("error", () => undefined);
      browser.on("close", () => controller.destroy());
      controller.on("close", () => browser.destroy());
      browser.pipe(controller).pipe(browser);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    server.unref();
    this.#forwarder = server;
    const address = server.address();
    return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : port}/`;
  }

  async fleet(): Promise<FleetView> {
    return (await this.#ask("GET", "/api/fleet")) as FleetView;
  }

  async behave(manner: Manner): Promise<void> {
    await this.#ask("POST", "/api/manner", { manner });
  }

  /** Pushes a configuration; "" takes the last one away. Returns its hash. */
  async push(uid: string, text: string): Promise<string> {
    const answer = (await this.#ask("POST", "/api/config", { uid, text })) as { readonly hash: string };
    return answer.hash;
  }

  /** The first host that fits; follows the page's events until there is one. */
  async host(fits: (host: FleetHost) => boolean, timeoutMs = 30_000): Promise<FleetHost> {
    const found = await this.until((fleet) => fleet.hosts.some(fits), timeoutMs);
    const host = found.hosts.find(fits);
    if (host === undefined) throw new Error("The host was there and is not any more");
    return host;
  }

  /** The fleet as soon as it fits. */
  until(fits: (fleet: FleetView) => boolean, timeoutMs = 30_000): Promise<FleetView> {
    const { promise, resolve, reject } = Promise.withResolvers<FleetView>();
    let last = "nothing";
    const events = request({ socketPath: this.#socket, path: "/events" }, (response) => {
      let rest = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines.filter((each) => each.startsWith("data: "))) {
          last = line;
          const fleet = JSON.parse(line.slice("data: ".length)) as FleetView;
          if (fits(fleet)) resolve(fleet);
        }
      });
      response.on("error", reject);
    });
    events.on("error", reject);
    events.end();
    const late = setTimeout(() => reject(new Error(`No such fleet within ${timeoutMs} ms: ${last}`)), timeoutMs);
    return promise.finally(() => {
      clearTimeout(late);
      events.destroy();
    });
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = { "content-type": "application/json" };
    const asked = request({ socketPath: this.#socket, path, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${method} ${path}: ${text.trim()}`));
      });
    });
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
    return await promise;
  }

  /** Ends it for good, or until the next start. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#forwarder?.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/** An authority that lives as long as the lab, and a certificate of it for one address. */
export async function makeCertificates(folder: string, address: string, env: NodeJS.ProcessEnv): Promise<void> {
  await mkdir(folder, { recursive: true });
  const options = { env };
  const at = (name: string): string => join(folder, name);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await must(
    [
      "openssl",
      "req",
      "-x509",
      ...curve,
      "-days",
      "2",
      "-subj",
      "/CN=devcloud lab",
      "-keyout",
      at("ca.key"),
      "-out",
      at("ca.pem"),
    ],
    options,
  );
  await must(
    [
      ...["openssl", "req", "-x509", ...curve, "-days", "1", "-subj", "/CN=reference controller"],
      ...["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-addext", `subjectAltName=IP:${address}`],
      ...["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", at("server.key"), "-out", at("server.pem")],
    ],
    options,
  );
}
