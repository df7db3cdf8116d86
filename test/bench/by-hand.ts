/** Prints how long `ovs-vsctl ARGS` took and then `ip -batch`, given as JSON in argv[2] and argv[3], in the namespaces of the host. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const words = (text = "[]"): string[] => JSON.parse(text) as string[];
const vsctl = words(process.argv[2]);
const lines = words(process.argv[3]);
const started = performance.now();
await promisify(execFile)("ovs-vsctl", ["--timeout=10", ...vsctl]);
const ovsMs = performance.now() - started;
const ip = promisify(execFile)("ip", ["-batch", "-"]);
ip.child.stdin?.end(`${lines.join("\n")}\n`);
await ip;
process.stdout.write(`${JSON.stringify({ ms: performance.now() - started, ovsMs })}\n`);
