import { globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTree } from "../../packaging/build.ts";
import { buildPackage, type Packaged, rpmTools } from "../../packaging/package.ts";
import { must } from "../lab/command.ts";

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

  test("takes a pending change back before it goes, then disarms its timers, and says so to systemd afterwards", async () => {
    const scripts = (await query("--scripts")).join("\n");
    const [, before = "", after = ""] =
      /preuninstall scriptlet[^\n]*\n(.*)postuninstall scriptlet[^\n]*\n(.*)/s.exec(scripts) ?? [];
    const order = [
      "start devcloud-agent-rollback.service",
      "stop devcloud-agent-rollback.timer",
      "rm -rf /run/systemd",
    ];
    const places = order.map((words) => before.indexOf(words));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
    expect(after).toMatch(/"\$1" -eq 0 .*daemon-reload/s);
    for (const script of [before, after]) await must(["sh", "-nc", script]);
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
