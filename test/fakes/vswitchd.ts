import type { InterfaceRow, PortRow } from "../../agent/network/schema.ts";
import type { FakeDatabase } from "./database.ts";
import type { FakeKernel } from "./kernel.ts";

/** What ovs-vswitchd does with the database: opens interfaces, makes internal ports, fills the columns that tell how it went. */
export class FakeVswitchd {
  readonly #database: FakeDatabase;
  readonly #kernel: FakeKernel;
  #ofport = 0;
  /** Whether a bond moves to the member that it is told to prefer: one whose link has not been up for long enough is not trusted yet. */
  follows = true;

  constructor(database: FakeDatabase, kernel: FakeKernel) {
    this.#database = database;
    this.#kernel = kernel;
  }

  /** Applies what the database says, and copies next_cfg to cur_cfg. */
  apply(): void {
    const { bridges, ports, interfaces, root } = this.#database.observe();
    this.#kernel.setInternal(interfaces.filter(({ type }) => type === "internal").map(({ name }) => name));
    for (const bridge of bridges) {
      if (bridge.datapath_id.length === 0)
        this.#database.set("Bridge", bridge._uuid, { datapath_id: ["0000020000000001"] });
    }
    for (const row of interfaces) this.#open(row);
    for (const port of ports) if (port.interfaces.length > 1) this.#elect(port);
    this.#database.set("Open_vSwitch", root._uuid, { cur_cfg: this.#database.root.next_cfg });
  }

  #open(row: InterfaceRow): void {
    const link = this.#kernel.links.get(row.name);
    if (row.type === "" && link === undefined) {
      const error = [`could not open network device ${row.name} (No such device)`];
      this.#database.set("Interface", row._uuid, { ofport: [-1], error, link_state: [], mac_in_use: [] });
      return;
    }
    this.#ofport += 1;
    const ofport = (row.ofport[0] ?? -1) > 0 ? row.ofport : [this.#ofport];
    const up = row.type === "patch" || row.type === "internal" || (link?.up === true && link.carrier);
    const [mtu] = row.mtu_request;
    if (mtu !== undefined && link !== undefined) this.#kernel.change(row.name, { mtu });
    const mac = row.mac[0] ?? link?.mac;
    this.#database.set("Interface", row._uuid, {
      ofport,
      error: [],
      link_state: [up ? "up" : "down"],
      mac_in_use: mac === undefined ? [] : [mac],
    });
  }

  #elect(port: PortRow): void {
    const members = this.#database.observe().interfaces.filter(({ _uuid }) => port.interfaces.includes(_uuid));
    const up = members.filter(({ link_state }) => link_state[0] === "up");
    const primary = up.find(({ name }) => this.follows && name === port.other_config["bond-primary"]);
    const stays = primary ?? up.find(({ mac_in_use }) => mac_in_use[0] === port.bond_active_slave[0]) ?? up[0];
    this.#database.set("Port", port._uuid, { bond_active_slave: stays?.mac_in_use ?? ["00:00:00:00:00:00"] });
  }
}
