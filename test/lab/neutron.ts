import { spawn } from "node:child_process";
import { mkdir, open, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Host } from "./host.ts";
import { type Say, unpacked } from "./tools.ts";

/** Where Kolla puts what Neutron's agent is told, below the host's root. */
const agentFolder = "etc/kolla/neutron-openvswitch-agent";

/** What Kolla writes for a compute, with the userspace datapath of the lab. */
export const openvswitchAgentIni = `[agent]
tunnel_types =

[securitygroup]
enable_security_group = False
firewall_driver = noop

[ovs]
bridge_mappings = physnet1:br-ex
datapath_type = netdev
ovsdb_connection = tcp:127.0.0.1:6640
`;

/** Writes a file of Kolla's on a host. */
export async function writeKolla(host: Host, name: string, text: string): Promise<string> {
  const file = join(host.root, "etc/kolla", name);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text);
  return file;
}

/**
 * Debian's neutron-openvswitch-agent on a host, from its unpacked package and by the files of {@link agentFolder}. There is no
 * neutron-server: its messages go nowhere, so that it prepares the bridges, and then waits for that. Its log is HOST-scratch/neutron/agent.log.
 */
export class NeutronAgent implements AsyncDisposable {
  readonly #end: () => Promise<void>;

  private constructor(end: () => Promise<void>) {
    this.#end = end;
  }

  static async start(host: Host, say?: Say): Promise<NeutronAgent> {
    const need = { commands: [], debian: "neutron-openvswitch-agent", fedora: "openstack-neutron-openvswitch" };
    const tree = await unpacked([{ ...need, why: "the agent of Neutron's that gets our bridges" }], say);
    const state = `${host.root}-scratch/neutron`;
    await mkdir(state, { recursive: true });
    const conf = await writeKolla(
      host,
      "neutron-openvswitch-agent/neutron.conf",
      `[DEFAULT]\ntransport_url = fake://\nhost = ${host.name}\nstate_path = ${state}\n[oslo_concurrency]\nlock_path = ${state}/lock\n[agent]\nroot_helper =\nroot_helper_daemon =\n`,
    );
    // It looks its own name up, and nobody answers here.
    await host.exec(["sh", "-c", `grep -q ' ${host.name}$' /etc/hosts || echo '127.0.0.1 ${host.name}' >>/etc/hosts`]);
    const program = join(tree, "usr/bin/neutron-openvswitch-agent");
    const files = [conf, join(host.root, agentFolder, "openvswitch_agent.ini")].flatMap((file) => [
      "--config-file",
      file,
    ]);
    const [command = "", ...args] = [...host.enter(), "/usr/bin/python3", program, ...files];
    const env = {
      ...host.env,
      PATH: [host.env.PATH, join(tree, "usr/bin")].join(delimiter),
      PYTHONPATH: join(tree, "usr/lib/python3/dist-packages"),
    };
    const log = await open(join(state, "agent.log"), "w");
    const child = spawn(command, args, { env, stdio: ["ignore", log.fd, log.fd] });
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    await log.close();
    return new NeutronAgent(async () => {
      child.kill("SIGKILL");
      await closed;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}
