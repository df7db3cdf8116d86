/** Prints how long the first configuration of the host whose root is argv[2] took, and one more pass with nothing to do. */
import { openSession } from "../../agent/cli/session.ts";
import { converge } from "../../agent/network/converge.ts";
import { targetOf } from "../../agent/network/desired.ts";

const root = process.argv[2] ?? "/";
const { signal } = new AbortController();
await using session = await openSession({ root, program: "", signal });
const { host, desired } = session;

async function pass(): Promise<number> {
  const started = performance.now();
  const { faults } = await converge(host.ports, (observed) => targetOf({ ...desired, revision: 1 }, observed), signal);
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  return performance.now() - started;
}

const firstMs = await pass();
const noopMs = await pass();
process.stdout.write(`${JSON.stringify({ firstMs, noopMs })}\n`);
