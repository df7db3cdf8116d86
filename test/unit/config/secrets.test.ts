import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../agent/cli/check-config.ts";
import { configShow } from "../../../agent/cli/config-show.ts";
import { renderProblems } from "../../../agent/config/report.ts";
import { withoutSecrets } from "../../../agent/config/secrets.ts";
import { tableOfFiles } from "./helpers.ts";

const HOST = "/etc/devcloud-agent/config.d/50-host.yaml";

/** Everything that `config show` and `check-config` print of a configuration, in each of their forms. */
async function shown(text: string): Promise<string> {
  const printed: string[] = [];
  const take = (more: string): void => void printed.push(more);
  const io = { stdout: take, stderr: take, isTty: false };
  const files = tableOfFiles({ [HOST]: text });
  for (const [origin, json] of [
    [false, false],
    [true, false],
    [false, true],
  ] as const) {
    await configShow({ root: "/", origin, json }, io, files);
    await checkConfig({ root: "/", files: [], json }, io, files);
  }
  return printed.join("");
}

const declared = (lines: string): string => `version: 1\ncontainers:\n  manifest:\n    mariadb:\n${lines}`;

describe("a secret in the configuration", () => {
  it("is not shown where a container's environment has it, and its name is", async () => {
    const text = await shown(declared("      class: observe\n      environment: { DB_PASSWORD: hunter2 }\n"));
    expect(text).not.toContain("hunter2");
    expect(text).toContain("DB_PASSWORD: (left out)");
    expect(text).toContain('containers.manifest.mariadb.environment.DB_PASSWORD: "(left out)"');
    expect(text).toContain('"DB_PASSWORD": "(left out)"');
    expect(text).toContain("class: observe");
  });

  it.each([
    [
      "a number where text must be",
      declared("      environment: { DB_PASSWORD: 4711 }\n"),
      "Quote it if text is meant.",
    ],
    ["a misspelt key", declared("      enviroment: { DB_PASSWORD: 4711 }\n"), 'Did you mean "environment"?'],
    ["a list instead of a map", declared("      environment: [DB_PASSWORD=4711]\n"), "a list does not fit here"],
    ["a text instead of a map", declared("      environment: DB_PASSWORD=4711\n"), "what is written there (a string)"],
    [
      "a wrong indentation",
      "version: 1\ncontainers:\n  mariadb:\n    environment: { DB_PASSWORD: 4711 }\n",
      'nothing is called "mariadb" in containers',
    ],
    [
      "a wrong value on its line",
      declared("      { class: fre, environment: { P: '4711' } }\n"),
      'Did you mean "free"?',
    ],
    ["a proxy with an account", "version: 1\ncontroller: { proxy: 'http://me:4711@p:1' }\n", "http://(left out)@p:1"],
    ["a proxy that is none", "version: 1\ncontroller: { proxy: 'ftp://me:4711@p:1' }\n", "ftp://(left out)@p:1"],
    ["an endpoint", "version: 1\ncontroller: { endpoints: ['ws://me:4711@p:1'] }\n", "Write wss://(left out)@p:1"],
    [
      "an endpoint with a query",
      "version: 1\ncontroller: { endpoints: ['wss://c.example/v1/opamp?token=4711'] }\n",
      "wss://c.example/v1/opamp?(left out)",
    ],
    [
      "an endpoint with a fragment",
      "version: 1\ncontroller: { endpoints: ['wss://c.example/v1/opamp#4711'] }\n",
      "wss://c.example/v1/opamp#(left out)",
    ],
    [
      "an endpoint with an @ in its query",
      "version: 1\ncontroller: { endpoints: ['wss://c.example/v1/opamp?token=me@4711'] }\n",
      "wss://(left out)",
    ],
    [
      "a proxy with a ? in its account",
      "version: 1\ncontroller: { proxy: 'http://me:4711?@p:1' }\n",
      "http://(left out)",
    ],
  ])("is not shown in what is told of %s", async (_, text, expected) => {
    const all = await shown(text);
    expect(all).not.toContain("4711");
    expect(all).toContain(expected);
  });

  const manifest = "manifest: { db: { environment: { P: hunter2 } } }";
  it.each([
    ["an unknown key", `version: 1\ncontainers: { ${manifest}, defualt: observe }\n`],
    ["a wrong value", `version: 1\ncontainers: { default: obsrve, ${manifest} }\n`],
    ["a key of another section", `{ version: 1, containers: { ${manifest} }, metrics: { listen: 3 } }\n`],
    ["an account", "version: 1\ncontroller: { proxy: 'http://me:hunter2@p:1', alow: [] }\n"],
    [
      "a secret of two lines",
      `version: 1\ncontainers: { manifest: { db: { environment: { P: "a
  hunter2" } } }, defualt: observe }\n`,
    ],
    [
      "the same key again",
      `version: 1\ncontainers: { ${manifest}, manifest: { db: { environment: { P: hunter2 } } } }\n`,
    ],
    ["a bracket too few", `version: 1\ncontainers: { ${manifest}\n`],
    ["a text after a text", "version: 1\ncontainers:\n  manifest: { db: { environment: { P: 'a' hunter2 } } }\n"],
    ["a tag", "version: 1\ncontainers:\n  manifest: { db: { environment: { P: !hunter2 x } } }\n"],
    ["an alias", "version: 1\ncontainers:\n  manifest: { db: { environment: { P: *hunter2 } } }\n"],
    ["a block", "version: 1\ncontainers:\n  manifest:\n    db:\n      environment:\n        P: |hunter2\n"],
    ["a proxy that is never closed", "version: 1\ncontroller: { proxy: http://me:hunter2@p:1\n"],
  ])("is not shown with the line of another problem: %s", async (_, text) => {
    const all = await shown(text);
    expect(all).toContain(`${HOST}:`);
    expect(all).not.toContain("hunter2");
  });

  it("is not shown with a line of a fleet", () => {
    const text = `version: 1\nhosts: { a: { config: { containers: { ${manifest} } }, instal: {} } }\n`;
    const problem = { code: "E", message: "m", file: "fleet.yaml", line: 2, column: 80, path: "hosts.a.instal" };
    const sources = [{ file: "fleet.yaml", rank: 0, text }];
    const all = renderProblems([problem, { ...problem, line: 1 }], { colour: false, heading: "", sources });
    expect(all).not.toContain("hunter2");
    expect(all).toContain("| version: 1");
  });

  it("keeps no other line back", async () => {
    const text = `version: 1\ncontainers:\n  ${manifest}\n  defualt: observe # here\nnetwrk: {} # there\n`;
    const all = await shown(text);
    expect(all).toContain("| netwrk: {} # there");
    expect(all).toContain("|   defualt: observe # here");
    expect(await shown("version: 1\nnetwork: { # open\n")).toContain("| network: { # open");
  });

  it("is all that is left out", () => {
    const harmless = {
      network: { vlans: { environment: 100 } },
      containers: { restart: ["cron"], manifest: { cron: { image: "a:1", policy: "no" } } },
      controller: { endpoints: ["wss://ctl.example:4320/v1/opamp"], proxy: "http://proxy.example:3128" },
    };
    expect(withoutSecrets(harmless)).toEqual(harmless);
  });
});
