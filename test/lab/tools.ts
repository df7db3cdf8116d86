import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { arch, homedir } from "node:os";
import { delimiter, join } from "node:path";
import { must, run, withLock } from "./command.ts";

export interface Need {
  readonly commands: readonly string[];
  /** What must be there besides, by its place on a machine where the package is installed. */
  readonly files?: readonly string[];
  readonly debian: string;
  readonly fedora: string;
  readonly why: string;
}

/** The commands that the lab and the tests start, and the package that each comes from. */
const needs: readonly Need[] = [
  {
    commands: ["ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-appctl", "ovs-ofctl", "ovsdb-tool"],
    debian: "openvswitch-switch",
    fedora: "openvswitch",
    why: "the switch fabrics and the Open vSwitch of each lab host",
  },
  { commands: ["dockerd", "docker"], debian: "docker.io", fedora: "moby-engine", why: "the Docker of each lab host" },
  { commands: ["ip"], debian: "iproute2", fedora: "iproute", why: "network namespaces and addresses" },
  { commands: ["ping"], debian: "iputils-ping", fedora: "iputils", why: "what the gateway sees of a host" },
  { commands: ["arping"], debian: "iputils-arping", fedora: "iputils", why: "the agent's gateway probe" },
  { commands: ["tcpdump"], debian: "tcpdump", fedora: "tcpdump", why: "captures of what leaves a host" },
  { commands: ["ethtool"], debian: "ethtool", fedora: "ethtool", why: "checksum offload off on veth NICs" },
  { commands: ["busybox"], debian: "busybox-static", fedora: "busybox", why: "the containers' image" },
  { commands: ["openssl"], debian: "openssl", fedora: "openssl", why: "certificates of the lab's controller" },
  { commands: ["nsenter", "unshare", "flock"], debian: "util-linux", fedora: "util-linux", why: "namespaces, locks" },
];

/** Environment variables to lay over `process.env` so that every command of {@link needs} is found. */
export interface ToolEnv extends Record<string, string> {
  PATH: string;
}

export type Say = (line: string) => void;

const sayOnStderr: Say = (line) => void process.stderr.write(`${line}\n`);

/**
 * Makes every command in `wanted` (default {@link needs}) available without installing anything: packages that provide
 * the missing ones are downloaded with a private package state and unpacked below `$XDG_CACHE_HOME/devcloud-agent`
 * (default ~/.cache).
 * So no service starts, no user is made and no configuration of the machine changes. A second call finds them there.
 * Two runs at once are safe. Says on `say` (default stderr) what it gets and why.
 */
export async function hostTools(say: Say = sayOnStderr, wanted: readonly Need[] = needs): Promise<ToolEnv> {
  // An ordinary user's PATH lacks the sbin folders, where half of these commands are.
  const path = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"].filter(Boolean);
  const missing: Need[] = [];
  for (const need of wanted) if (!(await allFound(need, path))) missing.push(need);
  if (missing.length === 0) return { PATH: path.join(delimiter) };
  return await envOf(await unpacked(missing, say), path);
}

/** The folder into which the packages of `wanted` are unpacked, whatever this machine has of them. */
export async function unpacked(wanted: readonly Need[], say: Say = sayOnStderr): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "devcloud-agent");
  const folder = join(cache, "tools", await keyOf(wanted));
  if (!existsSync(folder)) {
    await mkdir(join(cache, "tools"), { recursive: true });
    await withLock(join(cache, "tools.lock"), async () => {
      if (!existsSync(folder)) await fetchTools(wanted, cache, folder, say);
    });
  }
  return folder;
}

async function allFound({ commands, files = [] }: Need, path: readonly string[]): Promise<boolean> {
  if (!files.every((file) => existsSync(file))) return false;
  for (const command of commands) if ((await locate(command, path)) === undefined) return false;
  return true;
}

async function locate(command: string, path: readonly string[]): Promise<string | undefined> {
  for (const folder of path) {
    const candidate = join(folder, command);
    const runnable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runnable) return candidate;
  }
  return undefined;
}

/** A folder serves one set of packages on one release of one distribution: libraries come from the machine as well. */
async function keyOf(missing: readonly Need[]): Promise<string> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const text = ["1", arch(), release, ...missing.map((need) => need.debian)].join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

async function fetchTools(missing: readonly Need[], cache: string, folder: string, say: Say): Promise<void> {
  for (const need of missing) say(`tools: ${need.debian} is not on this machine; it is for ${need.why}`);
  say(`tools: getting these into ${folder}; nothing is installed, no service starts`);
  // Under the lock: what is there now is of a run that was killed. Its apt-get may still be writing there, so a run never
  // uses the folder of another.
  for (const name of await readdir(cache)) {
    if (name.startsWith("work-")) await rm(join(cache, name), { recursive: true, force: true, maxRetries: 5 });
  }
  const work = await mkdtemp(join(cache, "work-"));
  const tree = join(work, "tree");
  await mkdir(tree);
  if (existsSync("/usr/bin/apt-get")) await fromDebian(missing, work, tree, say);
  else if (existsSync("/usr/bin/dnf")) await fromFedora(missing, work, tree, say);
  else throw new Error(`No apt-get and no dnf here: install these yourself: ${missing.map((n) => n.debian).join(" ")}`);
  await rename(tree, folder);
  await rm(work, { recursive: true, force: true, maxRetries: 5 });
  say("tools: ready");
}

async function fromDebian(missing: readonly Need[], apt: string, into: string, say: Say): Promise<void> {
  await mkdir(join(apt, "lists", "partial"), { recursive: true });
  await mkdir(join(apt, "archives", "partial"), { recursive: true });
  // The machine's sources and proxy are used; its hooks are not: they would act on the machine's own package state.
  const config = join(apt, "apt.conf");
  const hooks = ["APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"];
  const dpkgHooks = ["DPkg::Pre-Invoke", "DPkg::Post-Invoke", "DPkg::Pre-Install-Pkgs"];
  const settings = [
    `Dir::State::lists "${join(apt, "lists")}/";`,
    `Dir::Cache "${apt}/";`,
    `Dir::Cache::archives "${join(apt, "archives")}/";`,
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    'Dir::Log "/dev/null";',
    'Debug::NoLocking "true";',
    'APT::Sandbox::User "";',
    'Acquire::Retries "3";',
    'Acquire::Languages "none";',
  ];
  await writeFile(config, [...[...hooks, ...dpkgHooks].map((name) => `#clear ${name};`), ...settings, ""].join("\n"));
  const aptGet = ["apt-get", "-c", config, "-q", "-y"];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const options = { env, timeoutMs: 600_000 };
  say("tools: apt-get update (private lists)");
  // One source of the machine being away is no reason to stop: the download below says what is really missing.
  const update = await run([...aptGet, "update"], options);
  const packages = missing.map((need) => need.debian);
  const install = [...aptGet, "install", "--no-install-recommends", "--no-remove", ...packages];
  const plan = await run([...install, "--print-uris"], options);
  if (plan.code !== 0) throw new Error(`apt-get cannot resolve ${packages.join(" ")}: ${update.stderr}${plan.stderr}`);
  const files = [...plan.stdout.matchAll(/^'\S+' (\S+\.deb) (\d+) /gm)].map((match) => match[1] ?? "");
  const bytes = [...plan.stdout.matchAll(/^'\S+' \S+\.deb (\d+) /gm)].reduce((sum, match) => sum + Number(match[1]), 0);
  say(`tools: downloading ${files.length} packages, ${(bytes / 1e6).toFixed(0)} MB`);
  await must([...install, "--download-only"], options);
  say("tools: unpacking");
  for (const file of files) await must(["dpkg-deb", "-x", join(apt, "archives", file), into], options);
  // Debian chooses between flavours of vswitchd by update-alternatives, which only an installation would run.
  const flavour = join(into, "usr/lib/openvswitch-switch/ovs-vswitchd");
  if (existsSync(flavour)) await symlink(flavour.replace(into, "../.."), join(into, "usr/sbin/ovs-vswitchd"));
}

/** The same for dnf. Written from its manual; the tests run on Debian and do not exercise it. */
async function fromFedora(missing: readonly Need[], work: string, into: string, say: Say): Promise<void> {
  const rpms = join(work, "rpms");
  await mkdir(rpms);
  const packages = [...new Set(missing.map((need) => need.fedora))];
  const options = { timeoutMs: 600_000 };
  say(`tools: dnf download --resolve ${packages.join(" ")}`);
  const privateState = [`--setopt=cachedir=${join(work, "dnf")}`, "--setopt=install_weak_deps=False"];
  await must(["dnf", "-y", ...privateState, "download", "--resolve", `--destdir=${rpms}`, ...packages], options);
  for (const file of await readdir(rpms)) {
    await must(["sh", "-c", 'cd "$1" && rpm2cpio "$2" | cpio -idm --quiet', "sh", into, join(rpms, file)], options);
  }
}

async function envOf(folder: string, path: readonly string[]): Promise<ToolEnv> {
  const inside = (places: readonly string[]): string[] =>
    places.map((place) => join(folder, place)).filter((place) => existsSync(place));
  const multiarch = (await readdir(join(folder, "usr/lib")).catch(() => [])).filter((name) =>
    name.endsWith("-linux-gnu"),
  );
  const libraries = inside(["usr/lib64", ...multiarch.flatMap((name) => [`usr/lib/${name}`, `lib/${name}`])]);
  const inherited = process.env.LD_LIBRARY_PATH;
  const env: ToolEnv = {
    // First, so that a client and its daemon come from one package even where the machine has an older client alone.
    PATH: [...inside(["usr/sbin", "usr/bin", "sbin", "bin"]), ...path].join(delimiter),
  };
  if (libraries.length > 0) env.LD_LIBRARY_PATH = [...libraries, ...(inherited ? [inherited] : [])].join(delimiter);
  const schemas = join(folder, "usr/share/openvswitch");
  if (existsSync(schemas)) env.OVS_PKGDATADIR = schemas;
  const modules = join(folder, "usr/lib/python3/dist-packages");
  if (existsSync(modules)) env.PYTHONPATH = modules;
  return env;
}
