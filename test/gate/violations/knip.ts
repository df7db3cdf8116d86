import type { Files } from "../copy.ts";

/** A product of two files that needs its packages; what the violations are added to. */
export const knipBase: Files = {
  "agent/main.ts": `import { used } from "./core/used.ts";\nused();\n`,
  "agent/core/used.ts": `export const used = (): number => 1;\n`,
  "ovs/src/index.ts": `export const client = 1;\n`,
};

/** For every kind of waste that knip looks for: files that have it, and what must be named. */
export const knipViolations: Readonly<Record<string, { readonly files: Files; readonly names: string }>> = {
  files: { files: { "agent/core/orphan.ts": `export const orphan = 1;\n` }, names: "agent/core/orphan.ts" },
  exports: {
    files: { "agent/core/used.ts": `export const used = (): number => 1;\nexport const spare = 1;\n` },
    names: "spare",
  },
  types: {
    files: { "agent/core/used.ts": `export const used = (): number => 1;\nexport type Spare = string;\n` },
    names: "Spare",
  },
  dependencies: { files: {}, names: "valibot" },
  duplicates: {
    files: { "agent/core/used.ts": `export const used = (): number => 1;\nexport default used;\n` },
    names: "used|default",
  },
  unlisted: {
    files: { "agent/core/used.ts": `import "acorn";\nexport const used = (): number => 1;\n` },
    names: "acorn",
  },
  unresolved: {
    files: { "agent/core/used.ts": `import "./nowhere.ts";\nexport const used = (): number => 1;\n` },
    names: "./nowhere.ts",
  },
};
