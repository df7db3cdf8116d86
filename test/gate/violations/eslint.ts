/** Where Node's globals are allowed, so that only the rule in question is broken. */
const inSystem: Readonly<Record<string, string>> = {
  "@typescript-eslint/await-thenable": `export async function wait(): Promise<void> {\n  await 1;\n}\n`,
  "@typescript-eslint/no-deprecated": `/** @deprecated gone soon */\nfunction old(): number {\n  return 1;\n}\nexport const result = old();\n`,
  "@typescript-eslint/no-floating-promises": `export function start(work: () => Promise<void>): void {\n  work();\n}\n`,
  "@typescript-eslint/no-misused-promises": `export const clean = (all: string[], gone: (name: string) => Promise<boolean>): string[] => all.filter((name) => gone(name));\n`,
  "@typescript-eslint/no-unnecessary-type-assertion": `export const same = (value: string): string => value as string;\n`,
  "@typescript-eslint/no-unsafe-argument": `export const size = (text: string, count: (value: string) => number): number => count(JSON.parse(text));\n`,
  "@typescript-eslint/no-unsafe-assignment": `export function read(text: string): string {\n  const order = JSON.parse(text);\n  return String(order);\n}\n`,
  "@typescript-eslint/no-unsafe-call": `export const call = (text: string): void => void JSON.parse(text)();\n`,
  "@typescript-eslint/no-unsafe-member-access": `export const name = (text: string): string => String(JSON.parse(text).name);\n`,
  "@typescript-eslint/no-unsafe-return": `export const parse = (text: string): string => JSON.parse(text);\n`,
  "@typescript-eslint/only-throw-error": `export function stop(): never {\n  throw "stop";\n}\n`,
  "@typescript-eslint/prefer-promise-reject-errors": `export const fail = (): Promise<never> => Promise.reject("no");\n`,
  "@typescript-eslint/return-await": `export async function guarded(work: () => Promise<number>): Promise<number> {\n  try {\n    return work();\n  } catch {\n    return 0;\n  }\n}\n`,
  "@typescript-eslint/switch-exhaustiveness-check": `export function name(kind: "add" | "remove"): string {\n  switch (kind) {\n    case "add":\n      return "add";\n  }\n  return "";\n}\n`,
  "no-restricted-syntax": `export const cast = (value: string): number => value as unknown as number;\n`,
};

/** One rule broken in one file. */
export interface EslintViolation {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
}

/** For every rule of eslint.config.js, at least one. */
export const eslintViolations: readonly EslintViolation[] = [
  ...Object.entries(inSystem).map(([rule, text]) => ({
    rule,
    path: `agent/system/${rule.slice(rule.lastIndexOf("/") + 1)}.ts`,
    text,
  })),
  {
    rule: "no-restricted-syntax",
    path: "agent/core/today.ts",
    text: `export const today = (): Date => new Date();\n`,
  },
  {
    rule: "no-restricted-globals",
    path: "agent/core/waits.ts",
    text: `export const later = (work: () => void): void => {\n  setTimeout(work, 10);\n};\n`,
  },
  {
    rule: "no-restricted-properties",
    path: "agent/network/plan.ts",
    text: `export const plan = (): number => Date.now();\n`,
  },
];
