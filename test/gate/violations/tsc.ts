/** For every option of tsconfig.json that forbids something: a file that breaks it, and the error that must come of it. */
export const tscViolations: Readonly<Record<string, { readonly error: string; readonly text: string }>> = {
  strict: { error: "TS2322", text: `export const text: string = null;\n` },
  noUncheckedIndexedAccess: {
    error: "TS2322",
    text: `export const first = (all: readonly string[]): string => all[0];\n`,
  },
  exactOptionalPropertyTypes: { error: "TS2375", text: `export const box: { size?: number } = { size: undefined };\n` },
  noImplicitOverride: {
    error: "TS4114",
    text: `class Base {\n  run(): number {\n    return 1;\n  }\n}\nexport class Derived extends Base {\n  run(): number {\n    return 2;\n  }\n}\n`,
  },
  noImplicitReturns: {
    error: "TS7030",
    text: `export function half(n: number) {\n  if (n > 1) return n / 2;\n}\n`,
  },
  noFallthroughCasesInSwitch: {
    error: "TS7029",
    text: `export function fall(n: number, say: (text: string) => void): void {\n  switch (n) {\n    case 1:\n      say("one");\n    case 2:\n      say("two");\n  }\n}\n`,
  },
  noUnusedLocals: { error: "TS6133", text: `const unused = 1;\nexport {};\n` },
  noUnusedParameters: { error: "TS6133", text: `export const nothing = (unused: number): number => 1;\n` },
  noUncheckedSideEffectImports: { error: "TS2882", text: `import "./nowhere.ts";\n` },
  allowUnreachableCode: {
    error: "TS7027",
    text: `export function never(): number {\n  return 1;\n  return 2;\n}\n`,
  },
  allowUnusedLabels: {
    error: "TS7028",
    text: `export function labelled(): number {\n  spare: {\n  }\n  return 1;\n}\n`,
  },
  erasableSyntaxOnly: { error: "TS1294", text: `export enum Color {\n  Red = 1,\n}\n` },
  verbatimModuleSyntax: {
    error: "TS1484",
    text: `import { PathLike } from "node:fs";\nexport const shown = (path: PathLike): string => path.toString();\n`,
  },
};

/** Options that say how to compile and forbid nothing. */
export const neutral = [
  "target",
  "lib",
  "module",
  "moduleResolution",
  "types",
  "noEmit",
  "allowImportingTsExtensions",
  "resolveJsonModule",
  "skipLibCheck",
];
