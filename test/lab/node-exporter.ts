import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { metricsTools } from "./metrics-tools.ts";

/** The collectors that the agent has as well, and its choices where node_exporter's flags leave one (docs/metrics.md says why). */
const FLAGS: readonly string[] = [
  "--collector.disable-defaults",
  ..."cpu diskstats filesystem loadavg meminfo netclass netdev pressure stat uname"
    .split(" ")
    .map((name) => `--collector.${name}`),
  "--web.disable-exporter-metrics",
  "--collector.netdev.device-exclude=^$",
  "--collector.netclass.ignore-invalid-speed",
  "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
];

/** A node_exporter that runs beside the agent's collectors. */
export class NodeExporter implements Disposable {
  readonly url: string;
  readonly pid: number;
  readonly #kill: () => void;

  private constructor(url: string, pid: number, kill: () => void) {
    this.url = url;
    this.pid = pid;
    this.#kill = kill;
  }

  /** Of this machine, or of the files below `root` (a fixture has no netlink, so that /proc/net/dev is read there). */
  static async start(root?: string): Promise<NodeExporter> {
    const places =
      root === undefined
        ? []
        : [
            `--path.procfs=${root}/proc`,
            `--path.sysfs=${root}/sys`,
            `--path.rootfs=${root}`,
            `--path.udev.data=${root}/run/udev/data`,
            "--no-collector.netdev.netlink",
          ];
    const env = { ...process.env, ...(await metricsTools()) };
    const args = [...FLAGS, ...places, "--web.listen-address=127.0.0.1:0", "--log.format=json"];
    const child = spawn("prometheus-node-exporter", args, { env, stdio: ["ignore", "ignore", "pipe"] });
    const kill = (): void => void child.kill("SIGKILL");
    const lines: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      // Port 0 is whichever is free; it says which one it is.
      const address = /"address":"127\.0\.0\.1:(\d+)"/.exec(line)?.[1];
      if (address !== undefined && address !== "0") resolve(`http://127.0.0.1:${address}/metrics`);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`node_exporter ended with ${code}:\n${lines.join("\n")}`)));
    return new NodeExporter(await promise, child.pid ?? 0, kill);
  }

  async scrape(): Promise<string> {
    return (await fetch(this.url)).text();
  }

  [Symbol.dispose](): void {
    this.#kill();
  }
}
