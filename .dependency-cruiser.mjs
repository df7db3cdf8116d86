// Who may import whom: the rules of docs/ARCHITECTURE.md. test/gate/ shows that each of them can fail.

const product = "^(agent|collectors|kickstart|ovs/src)/";
const capability = "^agent/(network|containers|os|controller)/";
/** What is computed about containers, besides what is desired of them. */
const pureContainers = "exit-class|kolla|memory|observed|pending|problems|reasons|status|verdict";
/** What acts, or keeps what has happened. */
const acting =
  "apply|change|confirm|containers|converge|follow|ledger|network|observe|ovs|ports|restarter|state|witness";
/** Node's own modules that read nothing and wait for nothing. Every other one is I/O. */
const pureBuiltins =
  "^(node:)?(assert|async_hooks|buffer|constants|crypto|events|path|punycode|querystring|stream|string_decoder|url|util|zlib)(/(strict|posix|win32|types|promises|consumers|web))?$";
const drivers = "(^|/)node_modules/(dockerode|ws|pino|systemd-notify)/";

const rule = (name, comment, from, to) => ({ name, severity: "error", comment, from, to });

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    rule("no-cycles", "Two files that need each other are one file, or miss a third one.", {}, { circular: true }),
    rule("resolvable", "An import must lead somewhere.", {}, { couldNotResolve: true }),
    rule(
      "listed-packages",
      "A package that is imported is listed in package.json.",
      {},
      { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    ),
    rule(
      "product-no-dev-packages",
      "What ships does not need what only building needs.",
      { path: product },
      { dependencyTypes: ["npm-dev"], pathNot: "^ovs/" },
    ),
    rule(
      "product-never-test",
      "What ships knows nothing of tests and packaging.",
      { path: product },
      { path: "^(test|packaging)/" },
    ),

    rule(
      "ovs-stands-alone",
      "node-ovsdb is published on its own.",
      { path: "^ovs/" },
      { path: "^(agent|collectors|kickstart|packaging|test)/" },
    ),
    rule(
      "ovs-no-dependencies",
      "node-ovsdb has no runtime dependencies.",
      { path: "^ovs/src/" },
      { path: "node_modules/" },
    ),
    rule(
      "ovs-by-name",
      "node-ovsdb is used as the package that it is, never by its files.",
      { path: "^(agent|collectors|kickstart)/" },
      { path: "^ovs/", dependencyTypesNot: ["aliased-workspace"] },
    ),

    rule(
      "collectors-never-agent",
      "A collector declares ports; main.ts fills them.",
      { path: "^collectors/" },
      { path: "^(agent|kickstart)/" },
    ),
    rule(
      "kickstart-host-model-only",
      "kickstart renders from the host model and nothing else of the agent.",
      { path: "^kickstart/" },
      { path: "^(agent|collectors|ovs)/", pathNot: "^agent/config/(host|settings)([./]|$)" },
    ),

    rule(
      "core-only-core",
      "The loop knows no capability.",
      { path: "^agent/core/" },
      { path: "^(agent|collectors|kickstart|ovs)/", pathNot: "^agent/core/" },
    ),
    rule(
      "core-no-packages",
      "The loop needs nothing but the language.",
      { path: "^agent/core/" },
      { path: "node_modules/" },
    ),
    rule(
      "config-only-core",
      "Settings are read without knowing who uses them.",
      { path: "^agent/config/" },
      { path: "^(agent|collectors|kickstart|ovs)/", pathNot: "^agent/(config|core)/" },
    ),
    rule(
      "capabilities-apart",
      "Capabilities never import one another.",
      { path: capability },
      { path: capability, pathNot: "^agent/$1/" },
    ),
    rule(
      "capabilities-know-core-only",
      "A capability reaches the host through ports.",
      { path: capability },
      { path: "^(agent|collectors|kickstart)/", pathNot: "^agent/(core|config|network|containers|os|controller)/" },
    ),
    rule(
      "capabilities-config-types",
      "Of the configuration, a capability knows the shape only.",
      { path: capability },
      { path: "^agent/config/", dependencyTypesNot: ["type-only"] },
    ),
    rule(
      "plans-are-pure",
      "What is desired and what is to be done are computed from data alone: the same input gives the same output.",
      {
        path: [
          `${capability}((desired|plan[^/]*)\\.ts$|objects/|compare/)`,
          `^agent/containers/(${pureContainers})\\.ts$`,
        ],
      },
      {
        path: `${capability}(${acting})\\.ts$`,
        dependencyTypesNot: ["type-only"],
      },
    ),
    rule(
      "only-composition-composes",
      "What puts the parts together (agent/*.ts and cli/) is known to no part.",
      { path: "^agent/[^/]+/", pathNot: "^agent/cli/" },
      { path: "^agent/([^/]+\\.ts$|cli/)" },
    ),

    rule(
      "io-only-in-system",
      "Files, processes, sockets and timers are touched by agent/system and node-ovsdb.",
      { path: "^(agent|collectors|kickstart)/", pathNot: "^agent/system/" },
      { dependencyTypes: ["core"], pathNot: pureBuiltins },
    ),
    rule(
      "drivers-only-in-system",
      "Drivers have one importer.",
      { path: "^(agent|collectors|kickstart)/", pathNot: "^agent/system/" },
      { path: drivers },
    ),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|coverage)/" },
    tsConfig: { fileName: "tsconfig.json" },
    // Imports of types count: they are knowledge too.
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    preserveSymlinks: false,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".js", ".mjs", ".cjs", ".json", ".d.ts"],
    },
  },
};
