/** Modules of agent/containers/ that the rule `plans-are-pure` names. */
export const pureContainers = [
  "exit-class",
  "kolla",
  "memory",
  "observed",
  "pending",
  "problems",
  "reasons",
  "status",
  "verdict",
];

/** For every rule of .dependency-cruiser.mjs: files that break it, the first of them being the one to be named. */
export const importViolations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "no-cycles": {
    "agent/core/egg.ts": `import { hen } from "./hen.ts";\nexport const egg = (): string => hen();\n`,
    "agent/core/hen.ts": `import { egg } from "./egg.ts";\nexport const hen = (): string => egg();\n`,
  },
  resolvable: uses("agent/core/lost.ts", "./nowhere.ts"),
  "listed-packages": uses("agent/system/unlisted.ts", "acorn"),
  "product-no-dev-packages": uses("agent/system/builds.ts", "esbuild"),
  "product-never-test": { ...uses("agent/system/tested.ts", "../../test/lab/thing.ts"), ...thing("test/lab/thing.ts") },
  "ovs-stands-alone": uses("ovs/src/asks.ts", "../../agent/core/thing.ts"),
  "ovs-no-dependencies": uses("ovs/src/parses.ts", "valibot"),
  "ovs-by-name": uses("agent/network/deep.ts", "../../ovs/src/index.ts"),
  "collectors-never-agent": typeOf("collectors/disk/index.ts", "../../agent/core/thing.ts"),
  "kickstart-host-model-only": uses("kickstart/render.ts", "../agent/network/thing.ts"),
  "core-only-core": typeOf("agent/core/knows.ts", "../network/thing.ts"),
  "core-no-packages": uses("agent/core/packed.ts", "valibot"),
  "config-only-core": uses("agent/config/knows.ts", "../network/thing.ts"),
  "capabilities-apart": uses("agent/network/peeks.ts", "../containers/thing.ts"),
  "capabilities-know-core-only": typeOf("agent/network/served.ts", "../web/thing.ts"),
  "capabilities-config-types": uses("agent/network/configured.ts", "../config/thing.ts"),
  "plans-are-pure": {
    ...uses("agent/network/plan.ts", "./apply.ts"),
    ...thing("agent/network/apply.ts"),
    ...Object.fromEntries(
      pureContainers.flatMap((name) => Object.entries(uses(`agent/containers/${name}.ts`, "./apply.ts"))),
    ),
    ...thing("agent/containers/apply.ts"),
  },
  "only-composition-composes": uses("agent/web/starts.ts", "../main.ts"),
  "io-only-in-system": uses("agent/core/reads.ts", "node:fs/promises"),
  "drivers-only-in-system": uses("agent/cli/logs.ts", "pino"),
};

/** What the rules allow, in the same tree: none of these files may be named. */
export const allowedImports: Readonly<Record<string, string>> = {
  ...thing("agent/core/thing.ts"),
  ...thing("agent/config/thing.ts"),
  ...thing("agent/config/settings.ts"),
  ...thing("agent/network/thing.ts"),
  ...thing("agent/containers/thing.ts"),
  ...typeOf("agent/controller/carries.ts", "../core/thing.ts"),
  ...thing("agent/web/thing.ts"),
  ...thing("agent/main.ts"),
  ...thing("ovs/src/index.ts"),
  ...typeOf("agent/network/shapes.ts", "../config/thing.ts"),
  ...uses("agent/network/database.ts", "node-ovsdb"),
  ...uses("agent/network/paths.ts", "node:path"),
  ...uses("agent/system/files.ts", "node:fs"),
  ...uses("agent/system/log.ts", "pino"),
  ...uses("agent/cli/command.ts", "../network/thing.ts"),
  ...uses("kickstart/host.ts", "../agent/config/settings.ts"),
  ...uses("ovs/src/socket.ts", "node:net"),
  ...uses("test/lab/anything.ts", "../../agent/network/thing.ts"),
};

function thing(path: string): Record<string, string> {
  return { [path]: `export const thing = 1;\nexport interface Thing {\n  readonly x: number;\n}\n` };
}

function uses(path: string, target: string): Record<string, string> {
  return { [path]: `import * as used from "${target}";\nexport const keys = Object.keys(used);\n` };
}

function typeOf(path: string, target: string): Record<string, string> {
  return { [path]: `import type { Thing } from "${target}";\nexport type Known = Thing;\n` };
}
