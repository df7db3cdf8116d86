import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import type { PageView } from "../../agent/web/page/view.ts";
import type { Host } from "../lab/host.ts";
import { createLab } from "../lab/lab.ts";

const url = "http://127.0.0.1:9464";

/** What the page would be told, until the test ends. */
async function* views(host: Host): AsyncGenerator<PageView> {
  const [command = "", ...args] = [...host.enter(), "curl", "--silent", "--no-buffer", `${url}/events`];
  const child = spawn(command, args, { env: host.env, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill());
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("data: ")) yield JSON.parse(line.slice("data: ".length)) as PageView;
  }
}

async function until(stream: AsyncGenerator<PageView>, fits: (view: PageView) => boolean): Promise<PageView> {
  for (;;) {
    const next = await stream.next();
    if (next.done === true) throw new Error("the stream ended");
    if (fits(next.value)) return next.value;
  }
}

test("the status page comes with its policy, shows the host, and is told of a cut cable", async () => {
  const lab = await createLab({ say: () => undefined });
  onTestFinished(() => lab.down());
  const { host } = lab;
  const agent = host.startAgent();
  await agent.event("change", "confirmed");
  await agent.waitFor(({ event, on }) => event === "listening" && String(on).includes("127.0.0.1"));
  const { stdout: page } = await host.exec(["curl", "--silent", "--include", `${url}/`]);
  const [head = "", body = ""] = page.split("\r\n\r\n", 2);
  expect(head).toMatch(/^HTTP\/1\.1 200 /);
  expect(head).toMatch(/^content-security-policy: default-src 'none'; script-src 'sha256-/m);
  for (const header of ["x-content-type-options: nosniff", "referrer-policy: no-referrer", "cache-control: no-store"]) {
    expect(head.split("\r\n")).toContain(header);
  }
  expect(body).toMatch(/^<!doctype html>/);
  const named = async (path: string): Promise<string> => {
    const ask = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"];
    return (await host.exec([...ask, "--header", "Host: rebound.example:9464", `${url}${path}`])).stdout;
  };
  expect([await named("/"), await named("/api/v1/status"), await named("/metrics")]).toEqual(["421", "421", "200"]);

  const stream = views(host);
  const before = await until(stream, ({ headline }) => headline === "In order");
  expect(before.wiring?.ports.map(({ name, state }) => [name, state])).toEqual([
    ["mgmt0", "VLAN 100, management"],
    ["br-ex", "stands"],
  ]);
  const active = before.wiring?.legs.find(({ inBond }) => inBond === "good")?.nic.name;
  const cut = active === "em1" ? "em1" : "em2";
  await lab.cut(host, cut);
  const after = await until(
    stream,
    ({ wiring }) => wiring?.bond.state === `${cut === "em1" ? "em2" : "em1"} carries it`,
  );
  expect(after.headline).toBe("Needs a look");
  expect(after.problems.map(({ message }) => message).join()).toContain(`${cut} has no link`);
  await until(stream, ({ events }) => events.some(({ text }) => text.startsWith(`The bond moved from ${cut}`)));
});
