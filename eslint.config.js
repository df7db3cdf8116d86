// Only what Biome cannot see: rules that need types, and which globals a folder may use. Everything else is in biome.json.
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/** Clocks, timers, the process and the network reach the logic through ports that agent/system fills (docs/ARCHITECTURE.md). */
const ioGlobals = [
  "process",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "fetch",
  "WebSocket",
  "performance",
].map((name) => ({ name, message: "Only agent/system, agent/cli and agent/*.ts touch the process: use a port." }));

/** The clock and chance are ports as well: same input, same output. */
const impure = [
  { object: "Date", property: "now", message: "Take the time from the Clock port, or as an argument." },
  { object: "Math", property: "random", message: "Take the number as an argument." },
  { object: "crypto", property: "randomUUID", message: "Take the identifier as an argument." },
];

const doubleAssertion = {
  selector: "TSAsExpression > TSAsExpression",
  message: "A double assertion silences the compiler: parse the value.",
};
const currentDate = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: "Take the time from the Clock port, or as an argument.",
};

export default defineConfig(
  { ignores: ["dist/", "dist.*/", "coverage/", "**/node_modules/", "test/cases/", "test/fixtures/", "**/*_pb.ts"] },
  {
    files: ["**/*.ts"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-deprecated": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      // Not no-unnecessary-condition: it takes `signal.aborted` for constant across an await, and we cancel by signals everywhere.
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/no-unsafe-argument": "error",
      "@typescript-eslint/no-unsafe-assignment": "error",
      "@typescript-eslint/no-unsafe-call": "error",
      "@typescript-eslint/no-unsafe-member-access": "error",
      "@typescript-eslint/no-unsafe-return": "error",
      "@typescript-eslint/only-throw-error": "error",
      // `reject(signal.reason)` hands on what somebody else threw.
      "@typescript-eslint/prefer-promise-reject-errors": [
        "error",
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      "no-restricted-syntax": ["error", doubleAssertion],
    },
  },
  {
    files: ["agent/**/*.ts"],
    ignores: ["agent/system/**", "agent/cli/**", "agent/*.ts"],
    rules: {
      "no-restricted-globals": ["error", ...ioGlobals],
      "no-restricted-properties": ["error", ...impure],
      "no-restricted-syntax": ["error", doubleAssertion, currentDate],
    },
  },
);
