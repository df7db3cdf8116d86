import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "./agent.ts";
import { Browser, type Look } from "./browser.ts";
import { labVlans } from "./config.ts";
import { LabController } from "./controller.ts";
import type { Host } from "./host.ts";
import { quickContainers, runKolla } from "./kolla.ts";
import { createLab, type Lab } from "./lab.ts";
import { namespaceFile } from "./registry.ts";
import type { Say } from "./tools.ts";

const looks: Readonly<Record<string, Look>> = {
  "wide-light": { width: 1280, height: 800, dark: false },
  "wide-dark": { width: 1280, height: 800, dark: true },
  "phone-light": { width: 390, height: 844, dark: false },
  "phone-dark": { width: 390, height: 844, dark: true },
};
/** VLAN that the fabrics prune: a management network there cuts the host off. */
const prunedVlan = 130;

/** Pictures of the status page and of the fleet page, in order and in trouble, as files in a folder. */
export async function takePictures(folder: string, say: Say): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lab = await createLab({ hosts: 2, vlans: [...Object.values(labVlans), prunedVlan], say });
  try {
    await lab.prune(prunedVlan);
    await new Session(lab, folder, say).take();
  } finally {
    await lab.down();
  }
}

class Session {
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #say: Say;

  constructor(lab: Lab, folder: string, say: Say) {
    this.#lab = lab;
    this.#folder = folder;
    this.#say = say;
  }

  async take(): Promise<void> {
    const { hosts, host, fabric } = this.#lab;
    await using controller = await LabController.start(this.#lab);
    const fleetUrl = await controller.openPage();
    const inside = [`nsenter`, `--net=${namespaceFile(fabric.gateway)}`];
    await using there = await Browser.start(inside, this.#say);
    await using here = await Browser.start([], this.#say);
    const status = (mood: string, ...words: readonly string[]) =>
      this.#picture(there, `status-${mood}`, `http://${host.address}:9464/`, shows(...words));
    const fleet = (mood: string) => this.#picture(here, `fleet-${mood}`, fleetUrl, shows("live"));

    await fleet("empty");
    const agents = await Promise.all(hosts.map((each) => this.#live(each, controller)));
    await status("in-order", "In order", "Connected");
    await controller.until(({ hosts: known }) => known.length === hosts.length && known.every(well));
    await fleet("in-order");

    const [agent] = agents;
    if (agent === undefined) throw new Error("There is no host");
    await this.#disturb(host);
    await status("disturbed", "Needs a look", "drained", "tap-monitor", "new cards");
    this.#terminal(await host.cli("status"), await host.cli("network", "show"));
    await this.#calm(host);
    await this.#break(host, agent, controller);
    await status("in-trouble", "In trouble", "em2 has no link", "Connected");
    await agents[1]?.stop("SIGKILL");
    await controller.until(({ hosts: known }) => known.some(({ connected }) => !connected));
    await fleet("in-trouble");
  }

  /** The host as it is on a good day: its network stands, Docker runs some of Kolla's containers. */
  async #live(host: Host, controller: LabController): Promise<AgentProcess> {
    const containers = { restart: ["fluentd"], timing: quickContainers };
    await host.writeConfig("50-host.yaml", host.config({ network: { confirm: { deadline: "4s" } } }));
    await host.writeConfig("70-controller.yaml", {
      version: 1,
      containers,
      controller: await controller.configFor(host),
    });
    const agent = host.startAgent();
    await agent.event("change", "confirmed");
    await host.startDocker({ gate: true });
    for (const name of ["cron", "fluentd", "kolla_toolbox", "nova_compute", "neutron_openvswitch_agent"]) {
      await runKolla(host, name);
      await agent.waitFor((line) => line.event === "container" && line.name === name && line.verdict === "ok");
    }
    return agent;
  }

  /** People are at work: a NIC is drained for its switch, a probe hangs on our bridge, and the host is under maintenance. */
  async #disturb(host: Host): Promise<void> {
    await host.vsctl("add-port", "br-uplink", "tap-monitor", "--", "set", "Interface", "tap-monitor", "type=internal");
    await Promise.all(this.#atWork(host, ["maintenance", "on", "--for", "2h", "--reason", "new cards"], "drain"));
  }

  async #calm(host: Host): Promise<void> {
    await Promise.all(this.#atWork(host, ["maintenance", "off"], "undrain"));
    await host.vsctl("del-port", "br-uplink", "tap-monitor");
  }

  #atWork(host: Host, maintenance: readonly string[], drain: "drain" | "undrain"): Promise<void>[] {
    const time = drain === "drain" ? ["--for", "2h"] : [];
    return [maintenance, ["network", drain, "em1", ...time]].map(async (words) => {
      const { code, stderr } = await host.cli(...words);
      if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
    });
  }

  #terminal(...texts: readonly { readonly stdout: string }[]): void {
    for (const { stdout } of texts) this.#say(stdout);
  }

  /** A cable is cut, a container is stopped for good and another is ill, and the controller's configuration cuts the host off. */
  async #break(host: Host, agent: AgentProcess, controller: LabController): Promise<void> {
    const mark = agent.mark();
    await runKolla(host, "openvswitch_vswitchd");
    await runKolla(host, "nova_libvirt", { health: "false" });
    await agent.waitFor(
      ({ event, name, verdict }) => event === "container" && name === "openvswitch_vswitchd" && verdict === "alert",
    );
    const { uid } = await controller.host((each) => each.attributes["host.name"] === host.name);
    await controller.push(uid, `version: 1\nnetwork: { vlans: { management: ${prunedVlan} } }\n`);
    await agent.event("change", "rolled-back", { from: mark });
    await this.#lab.cut(host, "em2");
    await controller.host(
      ({ uid: each, connected, health, remote }) =>
        each === uid && connected && remote?.status === "FAILED" && health?.children.network?.healthy === false,
    );
  }

  async #picture(browser: Browser, name: string, url: string, ready: string): Promise<void> {
    for (const [look, how] of Object.entries(looks)) {
      const file = join(this.#folder, `${name}-${look}.png`);
      await browser.picture(url, file, { look: how, ready });
      this.#say(file);
    }
  }
}

function well({
  connected,
  health,
}: {
  readonly connected: boolean;
  readonly health: { readonly healthy: boolean } | undefined;
}): boolean {
  return connected && health?.healthy === true;
}

/** An expression that is true once the page shows all of them. */
function shows(...words: readonly string[]): string {
  return `${JSON.stringify(words)}.every((each) => document.body?.innerText.includes(each))`;
}
