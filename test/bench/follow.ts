/** A replica that speaks the protocol of test/lab/idl.py: argv[2] is the server's socket. */
import { createInterface } from "node:readline";
import { createClient } from "node-ovsdb";
import { queues } from "./queues.ts";

const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const begun = process.cpuUsage();
const cpu = (): { readonly cpuMs: number } => {
  const { user, system } = process.cpuUsage(begun);
  return { cpuMs: (user + system) / 1000 };
};

const client = createClient({ address: { path: process.argv[2] ?? "" }, inactivityMs: 0, requestTimeoutMs: 60_000 });
await client.connect();
const replica = await client.monitor(queues);
say(cpu());
for await (const line of createInterface({ input: process.stdin })) {
  const [, marker] = line.split(" ");
  await replica.until((now) =>
    [...now.rows("Open_vSwitch").values()].some(({ external_ids }) => external_ids.marker === marker),
  );
  say(cpu());
}
client.close();
