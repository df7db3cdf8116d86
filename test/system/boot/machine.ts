import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Finished, must, run } from "../../lab/command.ts";
import { namespaceFile } from "../../lab/registry.ts";
import type { ToolEnv } from "../../lab/tools.ts";

export interface MachinePlace {
  /** Folder of the machine's own: its writable layer, Docker's data, the console's text. */
  readonly folder: string;
  /** Control group below each hierarchy's root. */
  readonly group: string;
  /** Name of the machine, and its host name. */
  readonly name: string;
  /** Read-only layers of the root, the uppermost first. */
  readonly layers: readonly string[];
  readonly env: ToolEnv;
}

/**
 * Runs in a mount namespace of its own, which ends with its last process and takes the mounts along. Arguments: group, folder,
 * layers, then the command, which finds the root at FOLDER/root.
 */
const enterScript = `
group=$1 folder=$2 layers=$3
shift 3
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then set -- /sys/fs/cgroup -- "$@"; else set -- /sys/fs/cgroup/* -- "$@"; fi
while [ "$1" != -- ]; do
  if [ -w "$1/cgroup.procs" ]; then
    mkdir -p "$1/$group"
    # A new cpuset (cgroup v1) allows no processor and no memory until told, on each level; then nothing can move into it.
    at=$1
    for part in $(echo "$group" | tr / ' '); do
      for what in cpus mems; do
        [ ! -e "$at/cpuset.$what" ] || [ "$1" = /sys/fs/cgroup ] || cat "$at/cpuset.$what" >"$at/$part/cpuset.$what"
      done
      at=$at/$part
    done
    echo $$ >"$1/$group/cgroup.procs"
  fi
  shift
done
shift
mount -t overlay devcloud-lane -o "lowerdir=$layers,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
# nspawn leaves folders there; nobody else should see them.
[ ! -d /run/systemd ] || mount -t tmpfs tmpfs /run/systemd
exec "$@"
`;

/** A host with systemd as its first process (systemd-nspawn), whose network is a namespace that the lab made. */
export class Machine {
  readonly #place: MachinePlace;
  #nspawn: ChildProcess | undefined;
  #init = 0;

  constructor(place: MachinePlace) {
    this.#place = place;
  }

  /** Makes the writable layer and runs a command of this machine on the root as it lies there, without booting. */
  async prepare(command: (root: string) => readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    for (const name of ["upper", "work", "root", "docker"]) {
      await mkdir(join(this.#place.folder, name), { recursive: true });
    }
    const options = this.#options();
    const argv = this.#inRoot(command(join(this.#place.folder, "root")));
    return await must(argv, { ...options, env: { ...options.env, ...env } });
  }

  /** Boots on the network namespace; resolves when systemd answers, long before the boot is over. */
  async powerOn(namespace: string): Promise<void> {
    const { folder, name } = this.#place;
    const nspawn = [
      ...["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=read-only"],
      ...["-D", join(folder, "root"), "-M", name, `--network-namespace-path=${namespaceFile(namespace)}`],
      // What Docker needs inside.
      ...["--capability=all", "--system-call-filter=@keyring bpf perf_event_open"],
      ...["--bind=/dev/net/tun", `--bind=${join(folder, "docker")}:/var/lib/docker`],
    ];
    const [command = "", ...args] = this.#inRoot(nspawn);
    const child = spawn(command, args, {
      env: {
        ...this.#options().env,
        // cgroup2 inside, whatever the machine has: else no container starts.
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1",
        // The agent sets accept_ra and Docker reads ip_forward there; the rest of /proc/sys stays read-only.
        SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const console = createWriteStream(join(folder, "console.log"), { flags: "a" });
    child.stdout.pipe(console, { end: false });
    child.stderr.pipe(console, { end: false });
    this.#nspawn = child;
    this.#init = await this.#firstProcess(child);
    await this.#answers(child);
  }

  /** nspawn's one child is systemd, in the namespaces of the machine. */
  async #firstProcess(nspawn: ChildProcess): Promise<number> {
    for (let tries = 0; tries < 600 && nspawn.exitCode === null; tries += 1) {
      const children = await readFile(`/proc/${nspawn.pid}/task/${nspawn.pid}/children`, "utf8").catch(() => "");
      const child = Number(children.trim().split(" ")[0]);
      const name = child > 0 ? await readFile(`/proc/${child}/comm`, "utf8").catch(() => "") : "";
      if (name.trim() === "systemd") return child;
      await delay(50);
    }
    throw new Error(`systemd-nspawn started no systemd: ${await this.console()}`);
  }

  /** Its socket for systemctl is there a moment after the process. */
  async #answers(nspawn: ChildProcess): Promise<void> {
    for (let tries = 0; tries < 300 && nspawn.exitCode === null; tries += 1) {
      const { stdout } = await this.exec(["systemctl", "is-system-running"]);
      if (!["", "offline", "unknown"].includes(stdout.trim())) return;
      await delay(100);
    }
    throw new Error(`systemd does not answer: ${await this.console()}`);
  }

  /** Waits until systemd has nothing more to start; resolves with its word for the result, e.g. `running`. */
  async booted(timeoutMs = 180_000): Promise<string> {
    return (await this.exec(["systemctl", "is-system-running", "--wait"], { timeoutMs })).stdout.trim();
  }

  async console(): Promise<string> {
    return await readFile(join(this.#place.folder, "console.log"), "utf8").catch(() => "");
  }

  /** Orderly shutdown, as `poweroff` does it; resolves when nothing of the machine runs. */
  async powerOff(): Promise<void> {
    const child = this.#nspawn;
    if (child === undefined || child.exitCode !== null) return;
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 60_000);
    await closed;
    clearTimeout(late);
    this.#nspawn = undefined;
  }

  /** Runs a command inside and returns whatever it came to. */
  async exec(argv: readonly string[], options: { input?: Uint8Array; timeoutMs?: number } = {}): Promise<Finished> {
    const enter = ["nsenter", "-t", String(this.#init), "-m", "-u", "-i", "-n", "-p", "-C"];
    const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
    return await run([...enter, ...argv], { env, timeoutMs: options.timeoutMs ?? 30_000, input: options.input });
  }

  /** Runs a command inside that must succeed; returns its stdout without the last line break. */
  async must(argv: readonly string[], options: { input?: Uint8Array; timeoutMs?: number } = {}): Promise<string> {
    const done = await this.exec(argv, options);
    if (done.code === 0) return done.stdout.trimEnd();
    throw new Error(`inside: ${argv.join(" ")} ended with ${done.code}: ${(done.stderr || done.stdout).trim()}`);
  }

  /** Runs a program of the outside on the root of the running machine, whose files it sees, and not /proc and /run. */
  async beside(command: (root: string) => readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
    const enter = ["nsenter", "-t", String(this.#nspawn?.pid), "-m"];
    const options = this.#options();
    return await must([...enter, ...command(join(this.#place.folder, "root"))], {
      ...options,
      env: { ...options.env, ...env },
    });
  }

  #inRoot(argv: readonly string[]): readonly string[] {
    const { folder, group, layers } = this.#place;
    // With us ends the machine, even when we are killed.
    const guard = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave"];
    return [...guard, "sh", "-euc", enterScript, "sh", group, folder, layers.join(":"), ...argv];
  }

  #options(): { readonly env: NodeJS.ProcessEnv; readonly timeoutMs: number } {
    return { env: { ...process.env, ...this.#place.env }, timeoutMs: 60_000 };
  }
}
