import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { parseFragments } from "../../../agent/config/load.ts";
import { readFleet } from "../../../kickstart/fleet.ts";
import type { FleetHost } from "../../../kickstart/host.ts";
import { placeholderFindings } from "../../../kickstart/lint/placeholders.ts";
import { parseKickstart } from "../../../kickstart/parse.ts";
import { renderKickstart } from "../../../kickstart/render.ts";
import { quoted, writeLines } from "../../../kickstart/shell.ts";

const text = readFileSync(
  new URL("../../../packaging/usr/share/doc/devcloud-agent/fleet.yaml", import.meta.url),
  "utf8",
);

/** The first host of the example, with changes to the fleet's document. */
function hostOf(change: (fleet: Record<string, Record<string, unknown>>) => void = () => undefined): FleetHost {
  const fleet = parse(text) as Record<string, Record<string, unknown>>;
  change(fleet);
  const result = readFleet("fleet.yaml", stringify(fleet));
  const host = result.ok ? result.hosts[0] : undefined;
  if (host === undefined) throw new Error(JSON.stringify(result));
  return host;
}

const lineOf = (kickstart: string, name: string) =>
  kickstart.split("\n").filter((line) => line.startsWith(`${name} `) || line === name);

/** The text of a file that %post writes. */
function written(kickstart: string, path: string): string {
  const post = parseKickstart(kickstart).sections.find(({ name }) => name === "%post")?.body ?? "";
  const [, content = ""] =
    new RegExp(`^cat >${path} <<'(?:\\w+)'\\n([\\s\\S]*?)^DEVCLOUD_END_OF_FILE$`, "m").exec(post) ?? [];
  return content;
}

describe("a rendered kickstart", () => {
  it("is the same text for the same model, and has the model's hash on top", () => {
    const one = renderKickstart(hostOf());
    expect(renderKickstart(hostOf())).toBe(one);
    const other = renderKickstart(hostOf(({ install = {} }) => void Object.assign(install, { root_mib: 30_000 })));
    const hash = (kickstart: string) => /^# model ([0-9a-f]{64})$/m.exec(kickstart)?.[1];
    expect(hash(other)).not.toBe(hash(one));
  });

  it("has one plain network line, on one link by its MAC, tagged, without a bond", () => {
    const lines = lineOf(renderKickstart(hostOf()), "network");
    expect(lines).toEqual([
      "network --device=24:6e:96:aa:07:01 --vlanid=100 --bootproto=static --ip=10.1.0.17 --netmask=255.255.255.0 " +
        "--gateway=10.1.0.1 --noipv6 --nameserver=10.1.0.2,10.1.0.3 --hostname=cmp07.dc1.example.net --onboot=yes --activate",
    ]);
  });

  it("leaves the tag out where the management VLAN has none on the cable", () => {
    const native = hostOf(({ config = {} }) => {
      Object.assign((config.network as { bond: object }).bond, { native_vlan: "management" });
    });
    expect(lineOf(renderKickstart(native), "network")).toEqual([
      expect.stringMatching(/^network --device=24:6e:96:aa:07:01 --bootproto=static --ip=10.1.0.17 /),
    ]);
    const other = hostOf(({ config = {} }) => {
      Object.assign((config.network as { bond: object }).bond, { native_vlan: "storage" });
    });
    expect(lineOf(renderKickstart(other), "network")[0]).toContain(" --vlanid=100 ");
  });

  it.each([
    ["in the net of the second address", { ipv4: ["10.9.0.17/24", "10.1.0.17/24"] }, "10.1.0.1", "--ip=10.1.0.17 "],
    ["link-local", { ipv6: ["2001:db8::17/64", "2001:db8:1::17/64"] }, "fe80::1", "--ipv6=2001:db8::17/64 "],
  ])("takes the address from which the gateway is a neighbour: %s", (_where, addresses, gateway, words) => {
    const host = hostOf((fleet) => {
      const [own] = Object.values(fleet.hosts ?? {}) as { config: { network: { addresses: object } } }[];
      if (own) own.config.network.addresses = { mgmt0: { ...addresses, gateway } };
    });
    const line = lineOf(renderKickstart(host), "network")[0];
    expect(line).toContain(words);
    expect(line).toContain(`gateway=${gateway} `);
  });

  it.each([
    ["el9", { kind: "ostreesetup", url: "https://repo.example.net/host", ref: "devcloud/x86_64/host" }],
    ["fedora-43", { kind: "bootc", url: "registry.example.net/devcloud/host:1" }],
    ["fedora-38", { kind: "ostreecontainer", url: "registry.example.net/devcloud/host:1" }],
  ])("of %s installs from %j and from nothing else, with signatures", (release, source) => {
    const kickstart = renderKickstart(hostOf(({ install = {} }) => void Object.assign(install, { release, source })));
    expect(["ostreesetup", "ostreecontainer", "bootc"].flatMap((name) => lineOf(kickstart, name))).toEqual([
      expect.stringMatching(new RegExp(`^${source.kind} .*${source.url}`)),
    ]);
    expect(kickstart).not.toMatch(/nogpg|no-signature/);
  });

  it("over IPv6 says so in the installer's words", () => {
    const kickstart = renderKickstart(
      hostOf((fleet) => {
        const v6 = (n: number) => ({ addresses: { mgmt0: { ipv6: [`2001:db8::${n}/64`], ipv4: [] } } });
        const merge = (into: unknown, n: number) => Object.assign((into as { network: object }).network, v6(n));
        const [one, two] = Object.values(fleet.hosts ?? {}) as { config: object }[];
        merge(one?.config, 17);
        merge(two?.config, 18);
        const { addresses } = (fleet.config as { network: { addresses: { mgmt0: { gateway: string } } } }).network;
        addresses.mgmt0.gateway = "2001:db8::1";
      }),
    );
    expect(lineOf(kickstart, "network")[0]).toContain("--noipv4 --ipv6=2001:db8::17/64 --ipv6gateway=2001:db8::1");
  });

  it("writes the token for root alone, and only where one was given", () => {
    const token = "a1b2c3d4e5f6a7b8~x";
    const kickstart = renderKickstart(hostOf(), { token });
    expect(kickstart).toContain(`printf '%s\\n' '${token}' >/etc/devcloud-agent/enrolment-token`);
    expect(kickstart).toContain("chmod 0600 /etc/devcloud-agent/enrolment-token");
    expect(renderKickstart(hostOf())).not.toContain("chmod 0600");
  });

  it("writes nothing outside of /etc in %post", () => {
    const post = parseKickstart(renderKickstart(hostOf(), { token: "a1b2c3d4e5f6a7b8" })).sections.find(
      ({ name }) => name === "%post",
    );
    const outside = (post?.body ?? "").replaceAll(/<<'DEVCLOUD_END_OF_FILE'[\s\S]*?^DEVCLOUD_END_OF_FILE$/gm, "");
    for (const [, path] of outside.matchAll(/(?:>|mkdir -p |chmod \d+ )(\/\S+)/g)) {
      expect(path).toMatch(/^\/etc\/devcloud-agent/);
    }
    expect(outside.match(/^cp .*$/gm)).toEqual(["cp -r /usr/share/devcloud-agent/hands-off/. /etc/"]);
  });

  it("carries the configuration that the model has, whatever texts are in it", () => {
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "%end",
        "a\n%end\n",
        "DEVCLOUD_END_OF_FILE",
        "x\nDEVCLOUD_END_OF_FILE\ny",
        "$(reboot)",
        "`id`",
        "'\"\\",
        // Long enough for a library to fold it, and each with what would make it choose other quotes.
        `${"y".repeat(90)}\n%end\nreboot\n`,
        'a "b"\n%end\nreboot\n',
        `it's "${"y".repeat(90)}"\n  %end\n`,
        // What Python's splitlines takes for the end of a line.
        ..."\v\f\r\x1c\x1d\x1e\x85\u2028\u2029".split("").map((end) => `a${end}%end${end}reboot`),
        "{{ x }}",
        "x{{",
        "}}",
        "{{{ CHANGEME }}}",
        "@@X@@",
        "<TODO>",
        "__A__B__",
      ),
    );
    fc.assert(
      fc.property(value, value, (odd, other) => {
        const host = hostOf(({ config = {} }) => {
          config.containers = { manifest: { cron: { environment: { ODD: odd, OTHER: other } } } };
        });
        const kickstart = renderKickstart(host);
        expect(parseKickstart(kickstart).sections.map(({ name }) => name)).toEqual(["%pre", "%post", "%onerror"]);
        expect(placeholderFindings(kickstart, parseKickstart(kickstart))).toEqual([]);
        expect(parseKickstart(kickstart).faults).toEqual([]);
        const fragment = written(kickstart, "/etc/devcloud-agent/config.d/50-host.yaml");
        expect(parse(fragment)).toEqual(host.config);
        const read = parseFragments([{ file: "50-host.yaml", rank: 2, text: fragment }]);
        expect(read.ok && read.settings).toEqual(host.settings);
      }),
    );
  });
});

describe("quoting", () => {
  it("gives a shell exactly the text, whatever it is", () => {
    const folder = mkdtempSync(join(tmpdir(), "devcloud-quote-"));
    const texts = ["", "a b", "it's", "$(id)", "`id`", "a\\b", '"', "*", "-n", "ä\u{1f600}", "a\tb", "!x", "#x", "~"];
    try {
      const said = execFileSync("sh", [
        "-c",
        texts.map((one) => `printf '%s\\0' ${quoted(one)}`).join("\n"),
      ]).toString();
      expect(said.split("\0").slice(0, -1)).toEqual(texts);
      const file = join(folder, "file");
      const content = "# $(id) `id` \\ '\"\n  x: $HOME\n";
      execFileSync("sh", ["-ec", writeLines(file, content, "0600").join("\n")]);
      expect(readFileSync(file, "utf8")).toBe(content);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(["%end", "  %end", "DEVCLOUD_END_OF_FILE", "a\0b"])("refuses the line %j", (line) => {
    expect(() => writeLines("/etc/x", `a\n${line}\nb\n`, "0644")).toThrow(TypeError);
  });
});
