// The import rules of .dependency-cruiser.mjs, with a guard against the way such checks die: by looking at nothing.
import { globSync } from "node:fs";
import { exec } from "./exec.ts";

const folders = ["agent", "collectors", "kickstart", "ovs/src", "packaging", "test"];

interface Report {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly Violation[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string; readonly comment: string }[] };
  };
}

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
  readonly cycle?: readonly { readonly name: string }[];
}

const cwd = process.cwd();
const present = folders.filter((folder) => globSync(`${folder}/**/*.ts`, { cwd }).length > 0);
const command = ["depcruise", "--config", ".dependency-cruiser.mjs", "--output-type", "json", ...present];
const { output } = await exec(command, cwd);

const report = ((): Report | undefined => {
  try {
    return JSON.parse(output) as Report;
  } catch {
    return undefined;
  }
})();

if (report === undefined) {
  process.stdout.write(`dependency-cruiser gave no report:\n${output}\n`);
  process.exit(1);
}

const seen = new Set(report.modules.map((module) => module.source));
const unseen = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd })).filter((file) => !seen.has(file));
const product = [...seen].filter((source) => /^(agent|ovs\/src)\//.test(source));

const why = new Map(report.summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
for (const { rule, from, to, cycle } of report.summary.violations) {
  const chain = cycle === undefined ? to : cycle.map(({ name }) => name).join(" -> ");
  process.stdout.write(`${rule.name}: ${from} -> ${chain}\n    ${why.get(rule.name) ?? ""}\n`);
}
for (const file of unseen) process.stdout.write(`not-looked-at: ${file}\n`);
if (product.length === 0) process.stdout.write("looked-at-nothing: no module of agent/ or ovs/src/ was found\n");

const bad = report.summary.violations.length + unseen.length + (product.length === 0 ? 1 : 0);
process.stdout.write(`${seen.size} modules, ${bad} problems\n`);
process.exitCode = bad === 0 ? 0 : 1;
