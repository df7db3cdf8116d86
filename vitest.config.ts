import { defineConfig } from "vitest/config";

/** The time-outs are guards against a hang, never assertions: no test is expected to come near them. */
export default defineConfig({
  test: {
    pool: "forks",
    globals: false,
    // A test that passes on the second try is a failure that was hidden.
    retry: 0,
    allowOnly: false,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          pool: "forks",
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "namespaces",
          include: ["test/integration/**/*.test.ts"],
          exclude: ["test/integration/faults/**"],
          pool: "forks",
          // Each file builds labs of its own. They mostly wait, so two cores carry two files at a time.
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "faults",
          include: ["test/integration/faults/**/*.test.ts"],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "gate",
          include: ["test/gate/**/*.test.ts"],
          pool: "forks",
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
