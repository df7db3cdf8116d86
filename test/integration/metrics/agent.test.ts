import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AgentProcess } from "../../lab/agent.ts";
import { must, run } from "../../lab/command.ts";
import type { Host } from "../../lab/host.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { metricsTools } from "../../lab/metrics-tools.ts";
import { parseMetrics } from "./text.ts";

async function withLab(): Promise<Lab> {
  const lab = await createLab({ say: () => undefined });
  onTestFinished(() => lab.down());
  return lab;
}

/** GET on the host itself; the answer and its status. */
async function get(host: Host, url: string, ...options: readonly string[]) {
  const script = `fetch(process.argv[1]).then(async (a) => console.log(JSON.stringify({ status: a.status, body: await a.text() })), (e) => console.log(JSON.stringify({ status: 0, body: String(e.cause?.code ?? e) })))`;
  const { stdout } = await host.exec([process.execPath, ...options, "-e", script, url]);
  return JSON.parse(stdout) as { status: number; body: string };
}

async function metrics(host: Host) {
  return parseMetrics((await get(host, "http://127.0.0.1:9464/metrics")).body).samples;
}

const listening =
  (address: string) =>
  ({ event, on }: { readonly event?: string; readonly on?: unknown }): boolean =>
    event === "listening" && String(on).includes(address);

async function started(host: Host, address: string): Promise<AgentProcess> {
  const agent = host.startAgent();
  await agent.waitFor(listening(address));
  return agent;
}

describe("/metrics of a host in the lab", () => {
  test("answers on loopback and on the management address, and follows the bond and a change", async () => {
    const lab = await withLab();
    const { host } = lab;
    const agent = await started(host, host.address);
    await agent.event("net-ready");
    const statuses = await Promise.all(
      ["metrics", "livez", "readyz", "api/v1/status", "v1/reload"].map(
        async (path) => (await get(host, `http://${host.address}:9464/${path}`)).status,
      ),
    );
    expect(statuses).toEqual([200, 200, 200, 200, 404]);
    const before = await metrics(host);
    expect(before.get("devcloud_ready")).toBe(1);
    expect(before.get('node_bonding_active{master="bond0"}')).toBe(2);
    expect(
      [...before].filter(([series, value]) => series.startsWith("node_scrape_collector_success") && value !== 1),
    ).toEqual([]);
    const active = host.nics.find(({ name }) => before.get(member(name)) === 1)?.name ?? "";
    const other = host.nics.find(({ name }) => name !== active)?.name ?? "";
    const mark = agent.mark();
    await lab.cut(host, active);
    await agent.event("failover", undefined, { from: mark });
    const after = await metrics(host);
    expect([after.get(member(active)), after.get(member(other))]).toEqual([0, 1]);
    expect(after.get('node_bonding_active{master="bond0"}')).toBe(1);
    expect(after.get("devcloud_network_failovers_total")).toBeGreaterThanOrEqual(1);
    const env = { ...process.env, ...(await metricsTools()) };
    const { body } = await get(host, "http://127.0.0.1:9464/metrics");
    const { stderr, stdout } = await run(["promtool", "check", "metrics"], { env, input: body });
    const found = `${stdout}${stderr}`
      .split("\n")
      .filter((line) => line !== "" && !/^node_memory_.*camelCase/.test(line));
    expect(found).toEqual([]);
  });

  test("says what is missing when Open vSwitch does not answer, and answers all the same", async () => {
    const { host } = await withLab();
    const agent = await started(host, host.address);
    await agent.event("net-ready");
    await host.killOvs("ovsdb");
    await agent.waitFor(({ event, problems }) => event === "problems" && JSON.stringify(problems).includes("E_OVSDB"));
    const samples = await metrics(host);
    expect(samples.get('node_scrape_collector_success{collector="cpu"}')).toBe(1);
    expect(samples.get('node_scrape_collector_success{collector="ovs"}')).toBe(0);
    expect([...samples.keys()].filter((series) => series.startsWith("ovs_"))).toEqual([]);
  });

  test("does not keep the network from its ip, however many look at the host", async () => {
    const { host } = await withLab();
    const slow = await slowIp(host);
    const agent = host.startAgent({ env: { PATH: `${slow.bin}:${host.env.PATH}` } });
    await agent.waitFor(listening(host.address));
    await agent.event("net-ready");
    const before = await slow.looks();
    const many = `Promise.all(Array.from({ length: 400 }, async (_, n) => {
      const answer = await fetch("http://127.0.0.1:9464" + (n % 2 ? "/" : "/api/v1/status"));
      await answer.text();
      return answer.status;
    })).then((all) => console.log(...new Set(all)))`;
    const [asked, applied] = await Promise.all([
      host.exec([process.execPath, "-e", many]),
      host.cli("network", "apply"),
    ]);
    expect([asked.stdout, asked.stderr]).toEqual(["200\n", ""]);
    expect([applied.code, applied.stderr]).toEqual([0, ""]);
    // Those of the apply and of the watch of the uplinks are among them.
    expect((await slow.looks()) - before).toBeLessThan(40);
    expect(agent.lines.filter((line) => JSON.stringify(line).includes("E_IP_FAILED"))).toEqual([]);
  });

  test("stays on loopback when the web configuration is missing or not understood, and serves TLS when it is right", async () => {
    const { host } = await withLab();
    const folder = join(host.root, "etc/devcloud-agent");
    const file = join(folder, "web.yml");
    await mkdir(folder, { recursive: true });
    const listen = ["127.0.0.1:9464", "mgmt0:9464"];
    const timing = { listen_interval: "200ms" };
    await host.writeConfig("60-metrics.yaml", { version: 1, metrics: { listen, timing, web_config: file } });
    const agent = await started(host, "127.0.0.1");
    await agent.event("net-ready");
    await agent.waitFor(({ problem }) => JSON.stringify(problem ?? {}).includes("E_WEB_CONFIG"));
    expect((await get(host, "http://127.0.0.1:9464/livez")).status).toBe(200);
    expect(await get(host, `http://${host.address}:9464/livez`)).toEqual({ status: 0, body: "ECONNREFUSED" });
    const mark = agent.mark();
    await writeFile(file, "basic_auth_users: { prometheus: $2y$10$abcdefghijklmnopqrstuv }\n");
    await agent.waitFor(({ problem }) => JSON.stringify(problem ?? {}).includes("basic_auth_users"), { from: mark });
    expect(await get(host, `http://${host.address}:9464/livez`)).toEqual({ status: 0, body: "ECONNREFUSED" });
    const subject = ["-subj", "/CN=h1", "-addext", `subjectAltName=IP:${host.address},IP:127.0.0.1`];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const paths = ["-keyout", join(folder, "web.key"), "-out", join(folder, "web.crt"), "-days", "2"];
    await must(["openssl", "req", "-x509", ...key, ...subject, ...paths]);
    await writeFile(file, "tls_server_config: { cert_file: web.crt, key_file: web.key, min_version: TLS13 }\n");
    await agent.waitFor(listening(host.address), { from: mark });
    const trusting = `--use-openssl-ca`;
    const env = { ...host.env, SSL_CERT_FILE: join(folder, "web.crt") };
    const script = "fetch(process.argv[1]).then(async (a) => console.log(a.status, await a.text()))";
    const { stdout, stderr } = await host.exec(
      [process.execPath, trusting, "-e", script, `https://${host.address}:9464/livez`],
      { env },
    );
    expect([stdout, stderr]).toEqual(["200 alive\n\n", ""]);
    expect((await get(host, `http://${host.address}:9464/livez`)).status).toBe(0);
  });
});

/** An `ip` that takes 50 ms for each look at the host, as one of a host with thousands of devices would. */
async function slowIp(host: Host) {
  const bin = join(host.root, "slow");
  const log = join(bin, "looks");
  await mkdir(bin);
  await writeFile(log, "");
  const batch = `while read -r line; do case $line in address*) sleep 0.05; echo look >> "${log}";; esac; echo "$line"; done`;
  const script = `#!/bin/sh\nPATH="${host.env.PATH}"\ncase $* in *-json*-batch*) ${batch} | ip "$@";; *) exec ip "$@";; esac\n`;
  await writeFile(join(bin, "ip"), script, { mode: 0o755 });
  return { bin, looks: async () => (await readFile(log, "utf8")).split("\n").length - 1 };
}

function member(name: string): string {
  return `ovs_bond_active_member{bond="bond0",bridge="br-uplink",member="${name}"}`;
}
