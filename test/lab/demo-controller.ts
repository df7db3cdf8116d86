import type { AgentProcess, LogLine } from "./agent.ts";
import { LabController } from "./controller.ts";
import type { Lab } from "./lab.ts";
import { claim, seconds, type Walk } from "./walk.ts";

export interface ControllerTour {
  readonly lab: Lab;
  readonly walk: Walk;
  readonly agent: AgentProcess;
  /** A VLAN that the fabrics prune and that no configuration has named yet. */
  readonly prunedVlan: number;
}

/** The demo's steps with the controller. The host needs its management address, and gets its controller by a reload. */
export async function tourController({ lab, walk, agent, prunedVlan }: ControllerTour): Promise<void> {
  const host = lab.host;
  await using controller = await LabController.start(lab);
  let uid = "";
  await walk.step("The controller's page shows the host, with its health", async () => {
    const url = await controller.openPage();
    // What the operator said in the steps before would outrank the controller.
    await host.writeConfig("60-demo.yaml", { version: 1 }, "override");
    await host.writeConfig("70-controller.yaml", { version: 1, controller: await controller.configFor(host) });
    agent.kill("SIGHUP");
    const shown = await controller.host(
      ({ connected, health }) => connected && health?.children.network?.healthy === true,
    );
    uid = shown.uid;
    const page = await fetch(url);
    claim(page.ok && (await page.text()).includes("Fleet"), `${url} answers with the page`);
    const links = Object.entries(shown.health?.children.network?.children.bond0?.children ?? {});
    claim(links.length === 2, "the page shows both links of the bond");
    const wiring = links.map(([name, { status }]) => `${name} ${status}`).join("; ");
    return `${shown.attributes["host.name"]} by OpAMP over TLS: ${wiring}`;
  });
  await walk.step("A good configuration pushed by the controller is applied, and reported so", async () => {
    const hash = await controller.push(uid, fragment("{ vlans: { backup: 106 } }"));
    await controller.host(({ remote }) => remote?.hash === hash && remote.status === "APPLIED");
    return `APPLIED ${hash.slice(0, 8)}: the trunk carries VLAN 106 too`;
  });
  await walk.step("A bad configuration pushed by the controller is rolled back and reported", async () => {
    const mark = agent.mark();
    const hash = await controller.push(uid, fragment(`{ vlans: { management: ${prunedVlan} } }`));
    const applied = await agent.event("change", "applied", { from: mark });
    const back = await agent.event("change", "rolled-back", { from: mark });
    claim(String(back.reason).includes("the controller does not answer"), "the controller was one of the probes");
    const { remote, effective } = await controller.host(
      (each) => each.remote?.hash === hash && each.remote.status === "FAILED",
    );
    claim(remote?.error.includes("rolled back") === true, "the report says that it was rolled back");
    claim(!effective.includes(`management: ${prunedVlan}`), "the host's own configuration is in force again");
    claim((await host.vsctl("get", "Port", "mgmt0", "tag")) === "100", "mgmt0 is on VLAN 100 again");
    return `FAILED ${hash.slice(0, 8)}, ${seconds(timeOf(back) - timeOf(applied))} after it was applied: ${remote?.error ?? ""}`;
  });
}

function fragment(network: string): string {
  return `version: 1\nnetwork: ${network}\n`;
}

function timeOf(line: LogLine): number {
  return line.time ?? Date.now();
}
