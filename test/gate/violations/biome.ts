/** For every rule that biome.json names: a file that breaks it. */
export const biomeViolations: Readonly<Record<string, string>> = {
  noForEach: `[1, 2].forEach((n) => String(n));\n`,
  noExcessiveCognitiveComplexity: `export function tangled(a: number): number {\n${nested(7)}\n  return a;\n}\n`,
  noUndeclaredVariables: `export const found = nowhereDeclared;\n`,
  noUnusedImports: `import { join } from "node:path";\n`,
  noUnusedVariables: `const unused = 1;\n`,
  noUnusedFunctionParameters: `export function one(used: number, unused: number): number {\n  return used;\n}\n`,
  useImportExtensions: `import { one } from "./noUnusedFunctionParameters";\nexport const two = one(1, 2);\n`,
  noReExportAll: `export * from "./noUnusedFunctionParameters.ts";\n`,
  noCommonJs: `export const path = require("node:path");\n`,
  noNonNullAssertion: `export const first = (all: string[]): string => all[0]!;\n`,
  noParameterAssign: `export function grow(n: number): number {\n  n += 1;\n  return n;\n}\n`,
  noUselessElse: `export function sign(n: number): number {\n  if (n < 0) {\n    return -1;\n  } else {\n    return 1;\n  }\n}\n`,
  useCollapsedElseIf: `export function log(a: boolean, b: boolean, say: (text: string) => void): void {\n  if (a) {\n    say("a");\n  } else {\n    if (b) say("b");\n  }\n}\n`,
  useConst: `export function constant(): number {\n  let never = 1;\n  return never;\n}\n`,
  useErrorCause: `export function wrap(work: () => void): void {\n  try {\n    work();\n  } catch (error) {\n    throw new Error("it failed");\n  }\n}\n`,
  useExportType: `interface Shape {\n  readonly x: number;\n}\nexport { Shape };\n`,
  useImportType: `import { Stats } from "node:fs";\nexport const size = (stats: Stats): number => stats.size;\n`,
  useNodejsImportProtocol: `import { join } from "path";\nexport const joined = join("a", "b");\n`,
  useReadonlyClassProperties: `export class Box {\n  private value = 1;\n  get(): number {\n    return this.value;\n  }\n}\n`,
  useSingleVarDeclarator: `export function both(): number {\n  const a = 1,\n    b = 2;\n  return a + b;\n}\n`,
  useTemplate: `export const greet = (name: string): string => "hello " + name + "!";\n`,
  useThrowNewError: `export function stop(): never {\n  throw Error("stop");\n}\n`,
  noDefaultExport: `export default function main(): void {}\n`,
  noConsole: `console.log("said past the logger");\n`,
  noExplicitAny: `export const loose = (value: any): string => String(value);\n`,
  noFocusedTests: `import { it } from "vitest";\nit.only("is the only one", () => undefined);\n`,
  noSkippedTests: `import { it } from "vitest";\nit.skip("is left out", () => undefined);\n`,
  noTsIgnore: `// @ts-ignore\nexport const ignored: number = 1;\n`,
  noVar: `export function old(): number {\n  var value = 1;\n  return value;\n}\n`,
  useErrorMessage: `export function silent(): never {\n  throw new Error();\n}\n`,
};

/** Conditions in conditions, `depth` of them. */
function nested(depth: number): string {
  const lines = Array.from({ length: depth }, (_, level) => `${"  ".repeat(level + 1)}if (a > ${level}) {`);
  return [...lines, `${"  ".repeat(depth + 1)}return 0;`, "}".repeat(depth)].join("\n");
}
