import { globSync, readFileSync } from "node:fs";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { openKickstartTools } from "../../agent/system/kickstart-tools.ts";
import { readFleet } from "../../kickstart/fleet.ts";
import { parseKickstart } from "../../kickstart/parse.ts";
import { renderKickstart } from "../../kickstart/render.ts";
import { validateKickstart } from "../../kickstart/validate.ts";
import { run } from "../lab/command.ts";
import type { ConfigMap } from "../lab/config.ts";
import { createLab, type Lab } from "../lab/lab.ts";

const root = join(import.meta.dirname, "../..");
const fleet = join(root, "packaging/usr/share/doc/devcloud-agent/fleet.yaml");
const cli = (...args: readonly string[]) => run([process.execPath, join(root, "agent/main.ts"), "kickstart", ...args]);
const real = openKickstartTools(new AbortController().signal);
/** With or without pykickstart on this machine the tests see the same. */
const tools = { ...real, ksvalidator: async () => undefined };

function render(): string {
  const result = readFleet("fleet.yaml", readFileSync(fleet, "utf8"));
  const host = result.ok ? result.hosts[0] : undefined;
  if (host === undefined) throw new Error("the example of a fleet is not valid");
  return renderKickstart(host);
}

describe("kickstart validate", () => {
  test("has nothing against what render makes", async () => {
    const { stdout, stderr, code } = await cli("render", "--fleet", fleet, "cmp07.dc1.example.net");
    expect(code, stderr).toBe(0);
    expect(stdout).toBe(render());
    expect((await validateKickstart("x.ks", stdout, tools)).problems).toEqual([]);
  });

  const network = /^network .*$/m;
  test.each<[string, string | RegExp, string, string]>([
    ["a VLAN that does not exist", "--vlanid=100", "--vlanid=5000", "E_KICKSTART_VALUE"],
    ["an address that does not exist", "--ip=10.1.0.17", "--ip=999.1.1.1", "E_KICKSTART_VALUE"],
    ["static without an address", "--ip=10.1.0.17 ", "", "E_KICKSTART_MISSING"],
    ["a netmask with a hole", "255.255.255.0", "255.0.255.0", "E_KICKSTART_VALUE"],
    ["a gateway in another net", "--gateway=10.1.0.1", "--gateway=10.2.0.1", "E_KICKSTART_VALUE"],
    ["a bad host name", "--hostname=cmp07.dc1", "--hostname=cmp_07;reboot", "E_KICKSTART_VALUE"],
    ["a MAC with a slip", "24:6e:96:aa:07:01 ", "24:6e:96:aa:07 ", "E_KICKSTART_VALUE"],
    ["a name server that is none", "10.1.0.2,", "10.1.0.2;", "E_KICKSTART_VALUE"],
    ["bindto with vlanid", "--vlanid=100", "--vlanid=100 --bindto=mac", "E_KICKSTART_CONFLICT"],
    ["a placeholder", "--hostname=cmp07", `--hostname=\${UNRENDERED}`, "E_KICKSTART_PLACEHOLDER"],
    ["a placeholder in a script", "umask 022", "umask @@UMASK@@", "E_KICKSTART_PLACEHOLDER"],
    ["a syntax error of bash", "umask 022", "if umask 022", "E_KICKSTART_SCRIPT"],
    ["a here-document without an end", "DEVCLOUD_END_OF_FILE\nchmod 0700", "END\nchmod 0700", "E_KICKSTART_SCRIPT"],
    ["an include that is not there", "zerombr", "%include /nowhere/network.ks", "E_KICKSTART_INCLUDE"],
    ["two sources", "zerombr", "ostreesetup --osname=a --url=https://x/y --ref=z", "E_KICKSTART_CONFLICT"],
    ["no source", /^ostreecontainer .*$/m, "", "E_KICKSTART_MISSING"],
    ["a source without its URL", / --url=\S+/, "", "E_KICKSTART_MISSING"],
    ["signatures off", "--transport=registry", "--no-signature-verification", "E_KICKSTART_UNSAFE"],
    ["a script that may fail", "%post --erroronfail", "%post", "E_KICKSTART_UNSAFE"],
    ["a disk by its order", /--only-use=\S+/, "--only-use=sda", "E_KICKSTART_UNSAFE"],
    ["a partition to install on", /--only-use=\S+/, "--only-use=disk/by-id/wwn-0x1-part1", "E_KICKSTART_VALUE"],
    ["a host called localhost", "--hostname=cmp07.dc1.example.net", "--hostname=localhost", "E_KICKSTART_VALUE"],
    ["an invisible end of a line", "lang en_US", "lang x\u2028rootpw x", "E_KICKSTART_SYNTAX"],
    ["a command that JavaScript knows", "zerombr", "constructor --constructor=x", "E_KICKSTART_COMMAND"],
    ["a misspelt command", "zerombr", "zerombrr", "E_KICKSTART_COMMAND"],
    ["a section without an end", /%end\n$/, "", "E_KICKSTART_SYNTAX"],
    ["an end of nothing", "zerombr", "%end", "E_KICKSTART_SYNTAX"],
    ["an open quote", network, "network --hostname='x", "E_KICKSTART_SYNTAX"],
    ["a section that does not exist", "%onerror", "%onfailure", "E_KICKSTART_SYNTAX"],
  ])("finds %s", async (_what, old, broken, code) => {
    const text = render();
    const changed = text.replace(old, () => broken);
    expect(changed).not.toBe(text);
    const { problems } = await validateKickstart("x.ks", changed, tools);
    expect(problems.map((problem) => problem.code)).toContain(code);
    for (const { file, line, column, hint } of problems) {
      expect([file, line, column].every(Boolean), JSON.stringify(problems)).toBe(true);
      expect(hint).toMatch(/\w{3}/);
    }
  });

  const disks = /^zerombr\n(?:.*\n)*?(?=volgroup)/m;
  test.each([
    ["clearpart --all --initlabel", "clearpart wipes"],
    ["clearpart --linux", "clearpart wipes"],
    ["clearpart --al --drives=", "clearpart wipes"],
    ["zerombr", "zerombr may write"],
    ["autopart --type=lvm", "autopart may write"],
    ["part pv.01 --size=1024 --grow", "part may write"],
    ["ignoredisk --drives=disk/by-id/wwn-0x1\npartition / --size=1024", "partition may write"],
    ["ignoredisk --only-use=\nzerombr", "zerombr may write"],
  ])("refuses %j, which may wipe a disk that nobody named", async (lines, words) => {
    const text = render().replace(disks, () => `${lines}\n`);
    const { problems } = await validateKickstart("x.ks", text, tools);
    expect(problems).toMatchObject([{ code: "E_KICKSTART_UNSAFE", message: expect.stringContaining(words) as string }]);
    expect(problems[0]?.hint).toContain("--only-use");
    expect(text.split("\n")[(problems[0]?.line ?? 0) - 1]).toMatch(words.split(" ")[0] ?? "");
  });

  test.each([
    "ignoredisk --only-use=disk/by-id/wwn-0x1\nzerombr\nclearpart --all --initlabel\nautopart",
    "clearpart --linux --drives=disk/by-id/wwn-0x1",
    "clearpart --none",
  ])("has nothing against %j, which leaves other disks alone", async (lines) => {
    const text = render().replace(disks, () => `${lines}\n`);
    expect((await validateKickstart("x.ks", text, tools)).problems).toEqual([]);
  });

  const hash = `$6$saltsalt$${"h".repeat(86)}`;
  test.each([
    ["rootpw hunter2", 1],
    ["rootpw --plaintext hunter2", 8],
    ["rootpw --allow-ssh 'hunter2 hunter2'", 1],
    ["rootpw $hunter2", 1],
    ["rootpw --iscrypted hunter2", 8],
    ["user --name=joe --password=hunter2", 17],
    ["user --name joe --password hunter2", 17],
    ["user --name=joe --passw=hunter2 --plain", 33],
    [`user --name=joe --password='${hash}' --plaintext`, 129],
    ["sshpw --username=joe hunter2", 1],
    ["sshpw --username=joe hunter2 --plaintext", 30],
    ["bootloader --password=hunter2", 12],
    ["bootloader --iscrypted --password=hunter2", 12],
    ["part / --encrypted --passphrase=hunter2", 20],
    ["vnc --password=hunter2", 5],
  ])("refuses %s at its place, and repeats no password", async (line, column) => {
    const text = render().replace("zerombr", () => line);
    const number = text.split("\n").indexOf(line) + 1;
    const { problems } = await validateKickstart("x.ks", text, tools);
    expect(problems).toMatchObject([{ code: "E_KICKSTART_UNSAFE", line: number, column }]);
    expect(problems[0]?.hint).toMatch(/--iscrypted|Leave it out/);
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|hhhh/);
  });

  test("shows the line of a password without it", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-ks-"));
    const file = join(folder.path, "x.ks");
    await writeFile(
      file,
      `${render()}rootpw --allow-ssh 'hunter2 x'\nuser --name=joe --password='hunter2 x\nrootpww hunter2\n`,
    );
    const { code, stderr } = await cli("validate", file);
    expect(code).toBe(2);
    expect(stderr).toContain("| rootpw --allow-ssh ******** **");
    expect(stderr).toContain("| user --name=joe --password=******** *");
    expect(stderr).toContain("| rootpww *******");
    expect(stderr).not.toContain("hunter2");
  });

  test.each([
    `rootpw --iscrypted ${hash}`,
    `user --name=joe --password=${hash} --iscrypted`,
    "user --name=joe --lock",
    "sshpw --username=joe --sshkey 'ssh-ed25519 AAAA joe'",
    "bootloader --iscrypted --password=grub.pbkdf2.sha512.10000.ABCDEF",
  ])("has nothing against %s", async (line) => {
    expect(
      (
        await validateKickstart(
          "x.ks",
          render().replace("zerombr", () => line),
          tools,
        )
      ).problems,
    ).toEqual([]);
  });

  test("repeats no word of ksvalidator about a line with a password", async () => {
    const text = `${render()}rootpw hunter2 hunter2\n`;
    const line = text.split("\n").length - 1;
    const message = "Unexpected arguments to rootpw command: hunter2";
    const { problems } = await validateKickstart("x.ks", text, {
      ...tools,
      ksvalidator: async () => [{ line, message }],
    });
    expect(problems.filter((problem) => problem.line === line)).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });

  test("lets a ksvalidator that is older than the release check it as the newest that it knows", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-ks-"));
    const file = join(folder.path, "x.ks");
    await writeFile(file, render().replace("# release el10,", "# release fedora-99,"));
    const refuses = 'echo "The version $2 is not supported by pykickstart"; exit 1';
    const program = `#!/bin/sh\necho "$*" >>'${folder.path}/trace'\nif [ "$1" = --version ]; then ${refuses}; fi\n`;
    await writeFile(join(folder.path, "ksvalidator"), program, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder.path}:${process.env.PATH}` };
    const { code, stdout } = await run([process.execPath, join(root, "agent/main.ts"), "kickstart", "validate", file], {
      env,
    });
    expect([code, stdout]).toEqual([0, "The kickstart is valid, also to ksvalidator.\n"]);
    const trace = (await readFile(join(folder.path, "trace"), "utf8")).split("\n").filter(Boolean);
    expect(trace.map((line) => line.split(" --followincludes ")[0])).toEqual([
      "--version F99",
      expect.stringMatching(/^--followincludes /),
    ]);
  });

  test("names the line of a script's mistake in the file, and ends with 2", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-ks-"));
    const file = join(folder.path, "x.ks");
    const text = render().replace("umask 022", "fi");
    await writeFile(file, text);
    const line = text.split("\n").indexOf("fi") + 1;
    const { code, stderr } = await cli("validate", file);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}:${line}:1 E_KICKSTART_SCRIPT`);
    const json = await cli("validate", file, "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: "devcloud-agent/kickstart-validate/v1", ok: false });
  });
});

describe("kickstart render", () => {
  test("refuses a host that the fleet has not, a bad fleet and a bad token, each with 2 or 1", async () => {
    const unknown = await cli("render", "--fleet", fleet, "cmp70.dc1.example.net");
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/E_FLEET_UNKNOWN_HOST[\s\S]*Did you mean "cmp07/),
    ]);
    const bad = join(root, "test/cases/fleet-bad/01-duplicate-address/fleet.yaml");
    const refused = await cli("render", "--fleet", bad, "cmp01.example.net");
    expect([refused.code, refused.stdout]).toEqual([2, ""]);
    expect(refused.stderr).toMatch(/fleet\.yaml:24:38 E_FLEET_DUPLICATE_ADDRESS/);
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-ks-"));
    const token = join(folder.path, "token");
    await writeFile(token, "'; reboot; '\n");
    const odd = await cli("render", "--fleet", fleet, "cmp07.dc1.example.net", "--token", token);
    expect([odd.code, odd.stdout]).toEqual([1, ""]);
    expect(odd.stderr).toContain("E_KICKSTART_TOKEN");
    expect(odd.stderr).not.toContain("reboot");
  });

  test("its scripts write a configuration that passes the agent's own check and drives a host", {
    timeout: 120_000,
  }, async () => {
    const lab = await createLab({ say: () => undefined });
    onTestFinished(() => lab.down());
    const { host } = lab;
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-ks-"));
    const [fleetFile, token, output] = ["fleet.yaml", "token", "host.ks"].map((name) => join(folder.path, name));
    await writeFile(fleetFile ?? "", stringify(labFleet(lab)));
    await writeFile(token ?? "", "one-time-token-0123456789\n");
    const args = ["--fleet", fleetFile ?? "", host.name, "--token", token ?? "", "--output", output ?? ""];
    const done = await cli("render", ...args);
    expect(done.code, done.stderr).toBe(0);
    const { sections } = parseKickstart(await readFile(output ?? "", "utf8"));
    const script = (name: string) => sections.find((section) => section.name === name)?.body ?? "";

    // %pre knows this machine by its NICs, and then misses the disk, which no lab has.
    const pre = await host.exec(["sh"], { input: script("%pre") });
    expect([pre.code, pre.stderr]).toEqual([1, expect.stringMatching(/has no disk \/dev\/disk\/by-id\/wwn-0x1/)]);
    const elsewhere = await host.exec(["sh"], {
      input: script("%pre").replaceAll(host.nics[1].mac, "02:00:00:00:00:99"),
    });
    expect(elsewhere.stderr).toMatch(/no NIC with the address 02:00:00:00:00:99, em2 of/);

    // %post, with the host's folder in the place of the new system's /etc, and the package's in that of its /usr/share.
    const etc = join(host.root, "etc/devcloud-agent");
    const shared = join(root, "packaging/usr/share");
    const bind = `mount --bind ${host.root}/etc /etc && mount --bind ${shared} /usr/share && PATH=${host.root}-bin:$PATH`;
    const post = await host.exec(["unshare", "--mount", "sh", "-ec", `${bind}\n${script("%post")}`]);
    expect(post.code, post.stderr).toBe(0);
    expect(post.stdout).toContain("The configuration is valid (1 file; network: enforce");
    const modes = await host.exec([
      "stat",
      "-c",
      "%a",
      ...["enrolment-token", "rescue.sh"].map((name) => join(etc, name)),
    ]);
    expect(modes.stdout.split("\n").slice(0, 2)).toEqual(["600", "700"]);

    // NetworkManager and networkd find there what keeps them off the network.
    const [handsOff, inForce] = [join(shared, "devcloud-agent/hands-off"), join(host.root, "etc")];
    const files = globSync("**/*.*", { cwd: handsOff }).filter((name) => /\.(conf|network|link)$/.test(name));
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const name of files) {
      expect(await readFile(join(inForce, name), "utf8")).toBe(await readFile(join(handsOff, name), "utf8"));
    }

    const agent = host.startAgent();
    await agent.event("net-ready");
    expect(await lab.reach(host.address)).toBe(true);

    // The rescue of the first boot gives a lost address back, and may run again.
    for (let round = 0; round < 2; round += 1) {
      await agent.stop("SIGKILL");
      await host.exec(["ip", "address", "flush", "dev", "mgmt0"]);
      const rescue = await host.exec(["sh", join(etc, "rescue.sh")]);
      expect(rescue.code, rescue.stderr).toBe(0);
      expect(await lab.reach(host.address)).toBe(true);
      // The agent's own one, and none that beats it.
      const routes = (await host.exec(["ip", "route", "show", "default"])).stdout.split("\n").filter(Boolean);
      expect(routes).toEqual([expect.stringMatching(/ proto 220 metric 90\b/)]);
    }
  });
});

/** The lab's first host, as a fleet file of its own. */
function labFleet({ host }: Lab): ConfigMap {
  const nics = Object.fromEntries(host.nics.map(({ name, mac, fabric }) => [name, { mac, fabric }]));
  const config = host.config({ network: { nics } });
  const { version: _version, ...own } = config;
  return {
    version: 1,
    install: {
      release: "el10",
      source: { kind: "ostreecontainer", url: "registry.example.net/devcloud/host:1" },
      disk: "/dev/disk/by-id/wwn-0x1",
      ssh_keys: [`ssh-ed25519 ${"A".repeat(68)} admin@example.net`],
    },
    hosts: { [host.name]: { config: own } },
  };
}
