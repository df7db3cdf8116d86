/**
 * `npm run lab`: a small data centre in network namespaces, with the agent at work in it.
 *
 *   npm run lab [-- --hosts N]    build it, follow its events, take it down on Ctrl-C
 *   npm run lab -- demo           walk through what the agent does, unattended
 *   npm run lab -- pictures [FOLDER]         both pages as PNG files, in order and in trouble (default: dist.pictures)
 *   npm run lab -- shell [HOST] [--lab ID]   a shell on a host of the running lab
 *   npm run lab -- down [--all]   remove what crashed labs left; with --all the running ones too
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { LabController } from "./controller.ts";
import { demo } from "./demo.ts";
import { openShell } from "./host.ts";
import { createLab, type Lab, requireRoot } from "./lab.ts";
import { takePictures } from "./pictures.ts";
import { ensureBuilt } from "./program.ts";
import { readable } from "./readable.ts";
import { evict, labs, sweep } from "./registry.ts";
import { hostTools } from "./tools.ts";
import { paint, seconds } from "./walk.ts";

const usage =
  "usage: npm run lab -- [up [--hosts N] | demo | pictures [FOLDER] | shell [HOST] [--lab ID] | down [--all]]";
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      hosts: { type: "string" },
      lab: { type: "string" },
      all: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  const [command = "up", host] = positionals;
  if (values.help) {
    say(usage);
    return 0;
  }
  const hosts = Number(values.hosts ?? "1");
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > 20) throw new Usage("--hosts takes a number from 1 to 20");
  switch (command) {
    case "up":
      requireRoot();
      return await up(hosts);
    case "demo": {
      requireRoot();
      const stop = stopSignal();
      await ensureBuilt(say);
      return await demo(stop);
    }
    case "pictures":
      requireRoot();
      await ensureBuilt(say);
      await takePictures(host ?? "dist.pictures", say);
      return 0;
    case "shell":
      requireRoot();
      return await shell(host ?? "h1", values.lab);
    case "down":
      requireRoot();
      return await down(values.all ?? false);
    default:
      throw new Usage(`There is no command ${command}.`);
  }
}

class Usage extends Error {}

/** Aborts when the lab is to go down: Ctrl-C, a signal, or the end of the process that started us. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const parent = process.ppid;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) say("lab: still taking everything down");
      else stop.abort(signal);
    });
  }
  // A SIGKILL of npm reaches only npm: without this the lab would live on with nobody to end it.
  const watch = setInterval(() => process.ppid !== parent && stop.abort("the starter ended"), 500);
  watch.unref();
  return stop.signal;
}

async function up(count: number): Promise<number> {
  const stop = stopSignal();
  const stopped = stop.aborted ? Promise.resolve() : once(stop, "abort");
  await ensureBuilt(say);
  const begin = performance.now();
  const lab = await createLab({ hosts: count, say });
  try {
    say(`lab: ${lab.id} is up after ${seconds(performance.now() - begin)}`);
    if (!stop.aborted) {
      const page = await controllerFor(lab);
      whereToLook(lab, page);
      for (const host of lab.hosts) live(lab, host.index - 1, stop);
    }
    await stopped;
  } finally {
    say("\nlab: taking everything down");
    await lab.down();
    say("lab: down, nothing is left");
  }
  return 0;
}

/** The reference controller, with every host told of it; returns the URL of its page. */
async function controllerFor(lab: Lab): Promise<string> {
  const controller = await LabController.start(lab);
  for (const host of lab.hosts) {
    await host.writeConfig("70-controller.yaml", { version: 1, controller: await controller.configFor(host) });
  }
  return await controller.openPage();
}

/** Agent and Docker of one host, as its systemd would start them; tells what happens, and never throws. */
function live(lab: Lab, at: number, stop: AbortSignal): void {
  const host = lab.hosts[at];
  if (host === undefined) return;
  const tell = (text: string): void => {
    if (!stop.aborted) say(`${paint("cyan", host.name)} ${text}`);
  };
  const agent = host.startAgent();
  agent.follow((line) => {
    const text = readable(host.name, line);
    if (text !== undefined && !stop.aborted) say(text);
  });
  void agent.exited.then(({ code, signal }) => tell(`the agent ended (${signal ?? code})`));
  tell("Docker waits at its gate for the network");
  host.startDocker({ gate: true }).then(
    () => tell(`Docker runs; docker -H ${host.env.DOCKER_HOST} info`),
    (error: unknown) => tell(`Docker did not start: ${error instanceof Error ? error.message : String(error)}`),
  );
}

function whereToLook(lab: Lab, page: string): void {
  const { namespace, gateway } = lab.fabric;
  say(`
${paint("bold", "Where to look")} (in another terminal)
  fabrics A, B   namespace ${namespace}; ovs-vsctl --db=unix:${lab.folder}/fab/db.sock show
  fleet page     ${page} (the reference controller: hosts, their health, and configurations to push)
  gateways       namespace ${gateway}: 10.1.0.1 on VLAN 100, 10.1.5.1 on 105, 10.1.10.1 on 110, 10.1.20.1 on 120`);
  for (const host of lab.hosts) {
    say(`  host ${host.name.padEnd(9)} namespace ${host.namespace}; management address ${host.address}; root ${host.root}
                 sockets run/openvswitch/db.sock, run/devcloud-agent/control.sock, run/docker.sock; logs var/log`);
  }
  say(`
${paint("bold", "Try")}
  npm run lab -- shell ${lab.host.name} --lab ${lab.id}                then: devcloud-agent status; ovs-vsctl show; docker ps
  ip netns exec ${gateway} ping ${lab.host.address}
  ip -n ${namespace} link set ${lab.host.name}-em1 down         cuts the cable of em1; "up" mends it
  edit ${lab.host.root}/etc/devcloud-agent/config.d/50-host.yaml, then in the shell: devcloud-agent network plan, network apply

${paint("bold", "Events")} (Ctrl-C takes everything down)`);
}

async function shell(name: string, id: string | undefined): Promise<number> {
  const live = (await labs()).filter((lab) => lab.live && (id === undefined || lab.id === id));
  const [lab, ...others] = live;
  if (lab === undefined) throw new Usage("No such lab is running: start one with `npm run lab` in another terminal.");
  if (others.length > 0)
    throw new Usage(`Several labs are running: say which, --lab ${live.map((each) => each.id).join(" | ")}`);
  const [command = "", ...args] = openShell(lab.folder, name);
  const env = { ...process.env, ...(await hostTools(say)) };
  const child = spawn(command, args, { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, () => undefined);
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}

async function down(all: boolean): Promise<number> {
  const env = { ...process.env, ...(await hostTools(say)) };
  const swept = await sweep(env);
  for (const id of swept) say(`lab: removed what ${id} had left`);
  for (const lab of await labs()) {
    if (!all) {
      say(`lab: ${lab.id} is running (process ${lab.owner?.pid}); npm run lab -- down --all ends it too`);
      continue;
    }
    await evict(lab, env);
    say(`lab: ended ${lab.id}`);
  }
  if (swept.length === 0) say("lab: no lab had left anything behind");
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  const wrongUse = error instanceof Usage || (error instanceof TypeError && "code" in error);
  if (wrongUse) process.stderr.write(`${usage}\n`);
  process.exitCode = wrongUse ? 2 : 1;
}
