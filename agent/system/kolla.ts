import { join } from "node:path";
import { AgentError, problemOf } from "../core/errors.ts";
import type { ConfigText, KollaFiles } from "../network/neutron/told.ts";
import { readFileBounded } from "./files.ts";

const MAX_BYTES = 1024 * 1024;
/** In the order in which Neutron's agent gets them; later ones win. Older releases of Kolla call the last one ml2_conf.ini. */
const AGENT: readonly string[] = ["neutron.conf", "ml2_conf.ini", "openvswitch_agent.ini"].map(
  (name) => `neutron-openvswitch-agent/${name}`,
);
/** What the operator wrote on a machine that deploys, and what became of it on one that runs neutron-server. */
const SERVER: readonly string[] = [
  "config/neutron/ml2_conf.ini",
  "neutron-server/neutron.conf",
  "neutron-server/ml2_conf.ini",
];

/** What Kolla left on this host for Neutron. Throws E_KOLLA_UNREADABLE where nothing is there for the agent, or may not be read. */
export async function readKolla(root: string): Promise<KollaFiles> {
  const folder = join(root, "etc/kolla");
  const [agent, server] = await Promise.all([AGENT, SERVER].map((names) => readAll(folder, names)));
  if (agent === undefined || server === undefined || agent.length === 0) {
    throw new AgentError({
      code: "E_KOLLA_UNREADABLE",
      message: `there is nothing for neutron-openvswitch-agent below ${folder}`,
      hint: "This is for a host on which kolla-ansible has deployed Neutron's agent.",
    });
  }
  return { agent, server };
}

async function readAll(folder: string, names: readonly string[]): Promise<readonly ConfigText[]> {
  const texts: ConfigText[] = [];
  for (const name of names) {
    const file = join(folder, name);
    try {
      texts.push({ file, text: new TextDecoder().decode(await readFileBounded(file, MAX_BYTES)) });
    } catch (error) {
      const problem = problemOf(error);
      if (problem.code === "E_FILE_MISSING") continue;
      throw new AgentError({ ...problem, code: "E_KOLLA_UNREADABLE" }, { cause: error });
    }
  }
  return texts;
}
