import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Finished, must, run } from "./command.ts";
import { freeze, identify, type ProcessId, signalProcess } from "./processes.ts";

export interface DockerPlace {
  readonly enter: () => readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The host's root folder. */
  readonly root: string;
  /** A folder for the image's tree. */
  readonly scratch: string;
  /** Control group of the containers, from the top, e.g. `/devcloud-lab/ID/HOST`. */
  readonly group: string;
}

/** An image made here: a static busybox with its applets, and what else is written into its tree. */
export interface Image {
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Instructions of a Dockerfile, such as `LABEL a=b`. */
  readonly changes?: readonly string[];
}

/** The image that lab containers run from. */
const plain: Image = { name: "lab-busybox" };

/** A dockerd of the lab host's own: in its namespaces, with its own data, containerd and socket (ROOT/run/docker.sock). */
export class Docker {
  readonly #place: DockerPlace;
  readonly socket: string;
  readonly env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #id: ProcessId | undefined;

  constructor(place: DockerPlace) {
    this.#place = place;
    this.socket = join(place.root, "run", "docker.sock");
    this.env = { ...place.env, DOCKER_HOST: `unix://${this.socket}` };
  }

  /** The running dockerd, or undefined. */
  get process(): ProcessId | undefined {
    return this.#id;
  }

  /** Starts dockerd and resolves when it serves its API. */
  async start(): Promise<void> {
    const { root, group, enter } = this.#place;
    const logs = join(root, "var", "log");
    await mkdir(logs, { recursive: true });
    const [command = "", ...args] = [
      ...enter(),
      "dockerd",
      ...["--data-root", join(root, "var/lib/docker"), "--exec-root", join(root, "run/docker")],
      ...["--pidfile", join(root, "run/docker.pid"), "--host", `unix://${this.socket}`],
      // No bridge and no rules: containers of a cloud host use the host's network, and the lab stays quiet.
      ...["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"],
      ...["--cgroup-parent", group, "--exec-opt", "native.cgroupdriver=cgroupfs"],
    ];
    const child = spawn(command, args, { env: this.env, stdio: ["ignore", "ignore", "pipe"], detached: true });
    if (child.pid === undefined) throw new Error("dockerd could not be started");
    const log = createWriteStream(join(logs, "dockerd.log"), { flags: "a" });
    child.stderr.pipe(log);
    this.#child = child;
    this.#id = identify(child.pid);
    child.on("exit", () => {
      if (this.#child === child) this.forget();
    });
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`dockerd does not serve after 60 s:\n${said.slice(-2000)}`)),
        60_000,
      );
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (!said.includes("API listen on")) return;
        clearTimeout(timer);
        resolve();
      });
      child.on("exit", (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`dockerd ended (${signal ?? code}) before it served:\n${said.slice(-2000)}`));
      });
    });
  }

  /** Ends dockerd, with SIGTERM as systemd would or with what is given, and waits until it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(signal);
    await exited;
    this.forget();
  }

  pause(): void {
    if (this.#id) freeze(this.#id);
  }

  resume(): void {
    if (this.#id) signalProcess(this.#id, "SIGCONT");
  }

  /** Forgets a dockerd that something else has killed (a reboot). */
  forget(): void {
    this.#child = undefined;
    this.#id = undefined;
  }

  /** `docker ARGS` against this daemon, bounded to a minute. */
  async cli(...args: readonly string[]): Promise<Finished> {
    return await run(["docker", ...args], { env: this.env });
  }

  /**
   * Starts a container in the background on the host's network and returns its id. `command` is a shell script; the
   * default waits for ever.
   */
  async run(name: string, command = "sleep 1000000", ...options: readonly string[]): Promise<string> {
    await this.ensureImage(plain);
    const words = [
      "docker",
      "run",
      "--detach",
      "--network",
      "host",
      "--name",
      name,
      ...options,
      plain.name,
      "sh",
      "-c",
      command,
    ];
    return (await must(words, { env: this.env })).trim();
  }

  /** The process of a container as the machine counts it; undefined where it does not run. */
  async processOf(name: string): Promise<ProcessId | undefined> {
    const pid = Number((await this.cli("inspect", "--format", "{{.State.Pid}}", name)).stdout);
    return pid > 0 ? identify(pid) : undefined;
  }

  /** Makes an image, unless Docker has it. */
  async ensureImage({ name, files = {}, changes = [] }: Image): Promise<void> {
    if ((await this.cli("image", "inspect", name)).code === 0) return;
    await mkdir(this.#place.scratch, { recursive: true });
    const tree = await mkdtemp(join(this.#place.scratch, "image-"));
    const env = this.env;
    await mkdir(join(tree, "bin"), { recursive: true });
    const busybox = (await must(["sh", "-c", "command -v busybox"], { env })).trim();
    await cp(busybox, join(tree, "bin", "busybox"), { dereference: true });
    const applets = (await must(["busybox", "--list"], { env }))
      .split("\n")
      .filter((applet) => applet && applet !== "busybox");
    for (const applet of applets) await symlink("busybox", join(tree, "bin", applet));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(tree, dirname(path)), { recursive: true });
      await writeFile(join(tree, path), text, { mode: 0o755 });
    }
    const script = 'tree=$1 name=$2; shift 2; tar -C "$tree" -c . | docker import "$@" - "$name"';
    const options = changes.flatMap((change) => ["--change", change]);
    await must(["sh", "-c", script, "sh", tree, name, ...options], { env });
    await rm(tree, { recursive: true });
  }
}
