import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTree } from "../../packaging/build.ts";
import { buildPackage, type Packaged, rpmTools } from "../../packaging/package.ts";
import { must, run } from "../lab/command.ts";

const epoch = 1_790_000_000;

describe("the package", () => {
  let folder = "";
  let env: NodeJS.ProcessEnv = {};
  let built: Packaged;
  const query = async (...what: readonly string[]) =>
    (await must(["rpm", "-qp", ...what, built.file], { env })).split("\n").filter(Boolean);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "devcloud-package-"));
    env = await rpmTools();
    built = await buildPackage({ out: join(folder, "one"), epoch });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("has the same bytes when it is built again, elsewhere and later", async () => {
    const again = await buildPackage({ out: join(folder, "two"), epoch });
    expect(again.file).not.toBe(built.file);
    expect(readFileSync(again.file).equals(readFileSync(built.file))).toBe(true);
    expect(again.sha256).toBe(built.sha256);
    const later = await buildPackage({ out: join(folder, "three"), epoch: epoch + 1 });
    expect(later.sha256).not.toBe(built.sha256);
    expect(await query("--queryformat", "%{BUILDHOST} %{BUILDTIME} %{ARCH}\n")).toEqual([
      `reproducible ${epoch} noarch`,
    ]);
  });

  test("installs every file of the tree at its path, with root's ownership and the time of the build", async () => {
    const { out } = await buildTree({ out: join(folder, "tree") });
    const files = globSync("**/*", { cwd: out, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(out.length));
    expect(files.length).toBeGreaterThan(20);
    const format =
      "[%{FILENAMES} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEMTIMES} %{FILEMODES:octal} %{FILEFLAGS:fflags}\n]";
    const rows = new Map((await query("--queryformat", format)).map((row) => [row.split(" ")[0], row]));
    expect(files.filter((file) => !rows.has(file))).toEqual([]);
    for (const row of rows.values()) expect(row).toMatch(new RegExp(` root:root ${epoch} `));
    expect(rows.get("/usr/bin/devcloud-agent")).toContain(" 100755 ");
    expect(rows.get("/usr/lib/devcloud-agent/devcloud-agent.mjs")).toContain(" 100644 ");
    // What belongs to a running host is named and not shipped.
    for (const path of ["/run/devcloud-agent", "/var/lib/devcloud-agent", "/var/cache/devcloud-agent"]) {
      expect(rows.get(path)).toMatch(/ g$/);
    }
    expect([...rows.keys()].filter((path) => path?.startsWith("/etc/"))).toEqual([
      "/etc/devcloud-agent",
      "/etc/devcloud-agent/config.d",
      "/etc/devcloud-agent/override.d",
    ]);
  });

  test("takes nothing away from whoever sets a host's network up until now: that is for whoever hands it to the agent", async () => {
    const files = await query("--list");
    const ofOthers = /^\/(etc|usr\/lib)\/(NetworkManager|systemd\/network|udev|netplan|dracut)/;
    expect(files.filter((file) => ofOthers.test(file))).toEqual([]);
    expect(files).toContain("/usr/share/devcloud-agent/hands-off/NetworkManager/conf.d/90-devcloud-agent.conf");
  });

  test("requires what the agent starts, names what it bundles, and wants Open vSwitch, lldpd and tcpdump weakly", async () => {
    const requires = (await query("--requires")).filter((name) => !name.startsWith("rpmlib("));
    expect(new Set(requires)).toEqual(new Set(["/bin/sh", "iproute", "iputils", "nodejs >= 1:22.12", "systemd"]));
    expect(await query("--recommends")).toEqual(["lldpd", "openvswitch", "tcpdump"]);
    const provides = await query("--provides");
    const { packages } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package-lock.json"), "utf8")) as {
      packages: Record<string, { version: string }>;
    };
    for (const name of ["pino", "valibot", "yaml", "commander"]) {
      expect(provides).toContain(`bundled(npm(${name})) = ${packages[`node_modules/${name}`]?.version}`);
    }
    expect(provides.filter((name) => /npm\((vitest|typescript|esbuild|node-linux)/.test(name))).toEqual([]);
  });

  /**
   * Runs a script of the package as rpm does, where systemctl only notes what it is asked and fails at what is in `fails`. /run and
   * /var/lib are the test's own, the latter with a pending change if `pending`. Resolves with what was asked and what is in /run.
   */
  const scriptlet = async (
    name: "POSTIN" | "PREUN" | "POSTUN",
    left: number,
    { fails = "", pending = false, running = true } = {},
  ) => {
    const bin = await mkdtemp(join(folder, "bin-"));
    const put = (program: string, text: string) =>
      writeFile(join(bin, program), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    await put("systemctl", `echo "$*" >>${bin}/asked; case "$*" in ${fails || "''"}) exit 1 ;; esac`);
    for (const program of ["systemd-sysusers", "systemd-tmpfiles"]) await put(program, ":");
    await writeFile(join(bin, "script"), (await query("--queryformat", `%{${name}}`)).join("\n"));
    const around = [
      "mount -t tmpfs none /run && mount -t tmpfs none /var/lib",
      running ? "mkdir -p /run/systemd/system/devcloud-agent-rollback.timer.d" : ":",
      pending ? "mkdir -p /var/lib/devcloud-agent/network && touch /var/lib/devcloud-agent/network/pending.json" : ":",
      `code=0; sh ${bin}/script ${left} || code=$?`,
      "cd /run && find . -type f -exec cat {} + -o -name '*.timer.d' -print",
      "exit $code",
    ].join("\n");
    const path = `${bin}:${process.env.PATH}`;
    const done = await run(["unshare", "--mount", "sh", "-c", around], { env: { ...process.env, PATH: path } });
    const asked = await readFile(join(bin, "asked"), "utf8").catch(() => "");
    return { ...done, asked: asked.split("\n").filter(Boolean) };
  };

  test("lets the Docker that runs already restart without waiting for the agent's first network", async () => {
    const passed = "Docker ran already when devcloud-agent was installed";
    expect(await scriptlet("POSTIN", 1)).toMatchObject({ code: 0, stdout: expect.stringContaining(passed) as string });
    // Where Docker does not run, in an image, and at an upgrade the gate stays what it always is.
    for (const [left, how] of [
      [1, { fails: "is-active*docker.service" }],
      [1, { running: false }],
      [2, {}],
    ] as const) {
      const { code, stdout } = await scriptlet("POSTIN", left, how);
      expect([code, stdout], JSON.stringify(how)).toEqual([0, expect.not.stringContaining(passed)]);
    }
  });

  test("takes a pending change back before anything of it stops, then disarms its timers", async () => {
    const { code, asked, stdout } = await scriptlet("PREUN", 0, { pending: true });
    expect([code, stdout.includes("timer.d")]).toEqual([0, false]);
    expect(asked.map((words) => words.replaceAll("--no-reload ", ""))).toEqual([
      "start devcloud-agent-rollback.service",
      expect.stringMatching(/^disable --now devcloud-agent.service /),
      expect.stringMatching(/^stop devcloud-agent-rollback.timer /),
    ]);
    expect((await scriptlet("PREUN", 0)).asked[0]).toContain("disable --now");
    expect((await scriptlet("PREUN", 1, { pending: true })).asked).toEqual([]);
  });

  test("stays, with the agent and the dead-man, where a pending change cannot be taken back", async () => {
    const { code, asked, stdout, stderr } = await scriptlet("PREUN", 0, { pending: true, fails: "start*" });
    expect(code).toBe(1);
    expect(stderr).toContain("stays, because the pending network change could not be taken back");
    expect(asked).toEqual(["start devcloud-agent-rollback.service"]);
    expect(stdout).toContain("timer.d");
  });

  test("tells systemd of its going", async () => {
    expect((await scriptlet("POSTUN", 0)).asked).toContain("daemon-reload");
  });

  test("is put on a root and taken off it without a word, and leaves the host's own files", async () => {
    const root = join(folder, "root");
    const rpm = (...args: readonly string[]) =>
      must(["rpm", "--root", root, "--define", "_dbpath /var/lib/rpm", "--nodeps", "--noscripts", ...args], { env });
    await must(["mkdir", "-p", join(root, "var/lib/rpm")]);
    expect(await rpm("--install", built.file)).toBe("");
    // Nothing differs from what the package says: size, mode, digest, owner.
    expect(await rpm("--verify", "--nodeps", "devcloud-agent")).toBe("");
    const own = join(root, "etc/devcloud-agent/config.d/50-host.yaml");
    await must(["sh", "-c", `echo 'version: 1' >${own}`]);
    expect(await rpm("--upgrade", "--force", built.file)).toBe("");
    expect(readFileSync(own, "utf8")).toBe("version: 1\n");
    await rpm("--erase", "devcloud-agent");
    expect(readFileSync(own, "utf8")).toBe("version: 1\n");
    expect(globSync("**/*devcloud*", { cwd: join(root, "usr") })).toEqual([]);
  });
});
