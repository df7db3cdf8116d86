// Runs a script of this repository the way a fresh clone can: npm packages first, then the pinned Node.
// Plain JavaScript without dependencies, because it runs before `npm ci` and on whatever Node >= 18 the machine has.
// Usage: node test/setup.mjs SCRIPT [ARG...]
import { spawn, spawnSync } from "node:child_process";
import { existsSync, lstatSync, statSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...args] = process.argv.slice(2);

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** npm writes this file last, so it stands only for an installation that was finished. */
function installedAt() {
  const path = join(root, "node_modules", ".package-lock.json");
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function ensurePackages() {
  const lock = join(root, "package-lock.json");
  const hasLock = existsSync(lock);
  const wanted = statSync(hasLock ? lock : join(root, "package.json")).mtimeMs;
  if (installedAt() >= wanted) return;
  // npm would empty what the link leads to, which is another tree's.
  if (lstatSync(join(root, "node_modules"), { throwIfNoEntry: false })?.isSymbolicLink()) {
    fail(
      "setup: node_modules is a symbolic link, and older than package-lock.json: run npm ci where it leads to, or remove the link",
    );
  }
  const verb = hasLock ? "ci" : "install";
  const reason = installedAt() === 0 ? "there are none yet" : "they are older than package-lock.json";
  process.stderr.write(`setup: getting the npm packages (npm ${verb}): ${reason}\n`);
  const npm = process.env.npm_execpath;
  const [command, prefix] = npm ? [process.execPath, [npm]] : ["npm", []];
  // stdout belongs to the script that follows (it may print JSON), so npm talks on stderr.
  // Errors only: npm would warn that the machine's Node is not the one that the packages want, which is the pinned one.
  const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(command, [...prefix, verb, ...flags], {
    cwd: root,
    stdio: ["inherit", 2, 2],
  });
  if (result.error) fail(`setup: npm could not be started: ${result.error.message}`);
  if (result.status !== 0) fail(`setup: npm ${verb} failed, see above`);
}

/** The pinned Node, else the current one where it is new enough. Returns the program and the flags that it needs. */
function chooseNode() {
  const pinned = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(pinned)) return [pinned];
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 12)) {
    fail(
      `setup: Node ${process.versions.node} is too old and there is no pinned one for ${process.platform}-${process.arch}: install Node >= 22.12`,
    );
  }
  // Types are stripped without a flag from 22.18 and 23.6 on.
  const needsFlag = (major === 22 && minor < 18) || (major === 23 && minor < 6);
  return needsFlag ? [process.execPath, "--experimental-strip-types"] : [process.execPath];
}

if (script === undefined) fail("usage: node test/setup.mjs SCRIPT [ARG...]");
ensurePackages();
const [node, ...flags] = chooseNode();
const child = spawn(node, [...flags, join(root, script), ...args], {
  stdio: "inherit",
  // Programs that the script starts by the name `node` get the same one.
  env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ""}` },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`setup: ${node} could not be started: ${error.message}`));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
});
