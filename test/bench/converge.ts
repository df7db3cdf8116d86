/**
 * Prints how long the first configuration of the host whose root is argv[2] took, Open vSwitch's part of it, and one more pass
 * with nothing to do. With `open` as argv[3] it has looked at the host before, as a daemon has that runs.
 */
import { openSession } from "../../agent/cli/session.ts";
import { converge, observe } from "../../agent/network/converge.ts";
import { targetOf } from "../../agent/network/desired.ts";
import type { NetworkPorts } from "../../agent/network/ports.ts";

const [, , root = "/", how] = process.argv;
const { signal } = new AbortController();
await using session = await openSession({ root, program: "", signal });
const { host, desired } = session;
let ovsMs = 0;
const ovs: NetworkPorts["ovs"] = {
  observe: (given) => host.ovs.observe(given),
  second: (thorough) => host.ovs.second(thorough),
  commit: async (...given) => {
    const started = performance.now();
    await host.ovs.commit(...given);
    ovsMs += performance.now() - started;
  },
};
const ports: NetworkPorts = { ...host.ports, ovs };

async function pass(): Promise<number> {
  const started = performance.now();
  const { faults } = await converge(ports, (observed) => targetOf({ ...desired, revision: 1 }, observed), signal);
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  return performance.now() - started;
}

if (how === "open") await observe(ports, signal);
const firstMs = await pass();
const firstOvsMs = ovsMs;
const noopMs = await pass();
process.stdout.write(`${JSON.stringify({ firstMs, ovsMs: firstOvsMs, noopMs })}\n`);
