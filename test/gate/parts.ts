/** One part of the gate: a name to ask for it by, what it looks at, and the commands that must all end with 0. */
export interface Part {
  readonly name: string;
  readonly looksAt: string;
  readonly commands: readonly (readonly string[])[];
}

/** In the order of their price: what fails fast comes first. Commands run in the checkout with node_modules/.bin on PATH. */
export const parts: readonly Part[] = [
  {
    name: "format",
    looksAt: "layout and order of imports (Biome)",
    commands: [["biome", "check", "--linter-enabled=false", "--colors=off"]],
  },
  {
    name: "lint",
    looksAt: "Biome's rules, then ESLint's rules that need types",
    commands: [
      ["biome", "lint", "--error-on-warnings", "--colors=off"],
      ["eslint", ".", "--max-warnings=0"],
    ],
  },
  { name: "types", looksAt: "tsconfig.json (tsc)", commands: [["tsc", "-p", "."]] },
  {
    name: "imports",
    looksAt: "who may import whom (dependency-cruiser)",
    commands: [["node", "test/gate/imports.ts"]],
  },
  {
    name: "unused",
    looksAt: "files, exports and packages that nobody needs (knip)",
    commands: [["knip", "--no-progress", "--no-config-hints"]],
  },
  {
    name: "rules",
    looksAt: "that each rule of the parts above fails when it is broken",
    commands: [["vitest", "run", "--project=gate", "--reporter=dot"]],
  },
  { name: "tests", looksAt: "npm test", commands: [["node", "test/run.ts"]] },
];
