import { lstatSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtempDisposable, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openDns } from "../../../agent/system/dns.ts";
import { placesUnder } from "../../../agent/system/places.ts";

const reason = { why: "differs", risk: "none", drift: [] } as const;

describe("resolv.conf", () => {
  let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;
  const below = (path: string): string => join(folder.path, path);
  const dns = () => openDns(placesUnder(folder.path));

  beforeEach(async () => {
    folder = await mkdtempDisposable(join(tmpdir(), "devcloud-dns-"));
    for (const path of ["etc", "bin", "run/systemd/resolve"]) await mkdir(below(path), { recursive: true });
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await folder.remove();
  });

  test("that is a file, or not there, is the file's own matter, and is replaced as a whole", async () => {
    expect(await dns().observe()).toEqual({ way: "file", text: null });
    await dns().write({ kind: "write-resolv-conf", text: "nameserver 10.1.0.2\n", ...reason });
    expect(await dns().observe()).toEqual({ way: "file", text: "nameserver 10.1.0.2\n" });
    expect(lstatSync(below("etc/resolv.conf")).mode & 0o777).toBe(0o644);
    await dns().write({ kind: "write-resolv-conf", text: null, ...reason });
    expect(await dns().observe()).toEqual({ way: "file", text: null });
  });

  test("that is a link to systemd-resolved's is that one's matter while it runs, and is told by resolvectl", async () => {
    await symlink("../run/systemd/resolve/stub-resolv.conf", below("etc/resolv.conf"));
    await writeFile(below("run/systemd/resolve/io.systemd.Resolve"), "");
    await writeFile(below("run/systemd/resolve/resolv.conf"), "# made\nnameserver 9.9.9.9\nsearch .\n");
    expect(await dns().observe()).toEqual({ way: "resolved", servers: ["9.9.9.9"] });
    await writeFile(below("bin/resolvectl"), `#!/bin/sh\necho "$@" >${below("asked")}\n`);
    await chmod(below("bin/resolvectl"), 0o755);
    vi.stubEnv("PATH", `${below("bin")}:${process.env.PATH}`);
    await dns().write({ kind: "set-dns", device: "mgmt0", servers: ["10.1.0.2", "10.1.0.3"], ...reason });
    expect(readFileSync(below("asked"), "utf8")).toBe("dns mgmt0 10.1.0.2 10.1.0.3\n");
    await writeFile(below("bin/resolvectl"), "#!/bin/sh\necho no such link >&2\nexit 1\n");
    const failed = dns().write({ kind: "set-dns", device: "mgmt0", servers: [], ...reason });
    await expect(failed).rejects.toMatchObject({
      code: "E_DNS_SERVERS",
      message: "resolvectl dns mgmt0: no such link",
    });
  });

  test("that is a link to a systemd-resolved which does not run becomes a file", async () => {
    await symlink("/run/systemd/resolve/stub-resolv.conf", below("etc/resolv.conf"));
    expect(await dns().observe()).toEqual({ way: "file", text: null });
    await dns().write({ kind: "write-resolv-conf", text: "nameserver 10.1.0.2\n", ...reason });
    expect(lstatSync(below("etc/resolv.conf")).isFile()).toBe(true);
  });

  test("that is a link to anybody else's is known as theirs", async () => {
    await symlink("/run/NetworkManager/resolv.conf", below("etc/resolv.conf"));
    expect(await dns().observe()).toEqual({ way: "foreign", to: "/run/NetworkManager/resolv.conf" });
  });
});
