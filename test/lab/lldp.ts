import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { namespaceFile } from "./registry.ts";
import { hostTools, type Say } from "./tools.ts";

/** Debian's lldpd, for hosts and switches of the lab. */
export async function withLldp(env: NodeJS.ProcessEnv, say?: Say): Promise<NodeJS.ProcessEnv> {
  const tools = await hostTools(say, [
    { commands: ["lldpd", "lldpcli"], debian: "lldpd", fedora: "lldpd", why: "which switch port each NIC is on" },
  ]);
  const join2 = (name: "PATH" | "LD_LIBRARY_PATH"): Record<string, string> => {
    const both = [tools[name], env[name]].filter((value) => value !== undefined).join(delimiter);
    return both === "" ? {} : { [name]: both };
  };
  return { ...env, ...join2("PATH"), ...join2("LD_LIBRARY_PATH") };
}

/** It wants a user and a folder in /run that only an installation makes. A switch has no /etc and /run of its own before this. */
const START = `
set -e
if [ "$1" = switch ]; then
  busybox mount -t tmpfs tmpfs /run
  for file in passwd group hosts; do cp "/etc/$file" /run && busybox mount -o bind "/run/$file" "/etc/$file"; done
fi
# It looks its own name up, and nobody answers here.
echo "127.0.0.1 $(busybox hostname)" >>/etc/hosts
grep -q ^_lldpd: /etc/passwd || echo '_lldpd:x:990:990::/run/lldpd:/usr/sbin/nologin' >>/etc/passwd
grep -q ^_lldpd: /etc/group || echo '_lldpd:x:990:' >>/etc/group
mkdir -p /run/lldpd
exec lldpd -d -O "$2" -L "$(command -v lldpcli)" -I "$3"
`;

export interface LldpdOptions {
  /** Where its configuration goes. */
  readonly folder: string;
  /** What it calls itself; chassis and name. */
  readonly name: string;
  readonly interfaces: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A running lldpd, which speaks every second. */
export class Lldpd implements AsyncDisposable {
  readonly #end: () => Promise<void>;

  private constructor(end: () => Promise<void>) {
    this.#end = end;
  }

  /** On a host: `enter` leads into its namespaces, of which /etc and /run are its own. */
  static async onHost(enter: readonly string[], options: LldpdOptions): Promise<Lldpd> {
    return Lldpd.#start([...enter], "host", options);
  }

  /** A switch, in the network namespace of the fabrics. */
  static async onSwitch(namespace: string, options: LldpdOptions): Promise<Lldpd> {
    const enter = ["nsenter", `--net=${namespaceFile(namespace)}`, "unshare", "--mount", "--propagation", "slave"];
    return Lldpd.#start(enter, "switch", options);
  }

  static async #start(enter: readonly string[], place: "host" | "switch", options: LldpdOptions): Promise<Lldpd> {
    const { folder, name, interfaces, env } = options;
    await mkdir(folder, { recursive: true });
    const file = join(folder, `lldpd-${name}.conf`);
    const lines = [
      `system chassisid "${name}"`,
      `system hostname "${name}"`,
      "lldp portidsubtype ifname",
      "lldp tx-interval 1",
    ];
    await writeFile(file, lines.map((line) => `configure ${line}\n`).join(""));
    const [command = "", ...args] = [...enter, "sh", "-c", START, "sh", place, file, interfaces.join(",")];
    const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("should resume operations")) resolve();
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`lldpd of ${name} ended with ${code}: ${said}`)));
    });
    return new Lldpd(async () => {
      child.kill("SIGTERM");
      await closed;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}
