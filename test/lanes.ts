import { access, constants } from "node:fs/promises";

/** A lane of `npm test`: a vitest project, and why it cannot run here, if so. */
export interface Lane {
  readonly name: string;
  readonly project: string;
  readonly files: string;
  /** A folder below `files` that is another lane's. */
  readonly without?: string;
  /** Runs only when a filter names a file of it. */
  readonly asked?: true;
  /** Whether the built bundle and the host tools are needed. */
  readonly host: boolean;
  /** Resolves with what this machine or user lacks, in words; undefined when the lane can run. */
  readonly lacks: () => Promise<string | undefined>;
}

/** A lane too slow for `npm test`: what it shows and the command that runs it. */
export interface SlowLane {
  readonly name: string;
  readonly command: string;
  readonly shows: string;
}

export const lanes: readonly Lane[] = [
  { name: "unit", project: "unit", files: "test/unit", host: false, lacks: async () => undefined },
  {
    name: "namespaces",
    project: "namespaces",
    files: "test/integration",
    without: "test/integration/faults",
    host: true,
    lacks: lacksForNamespaces,
  },
  {
    name: "faults",
    project: "faults",
    files: "test/integration/faults",
    asked: true,
    host: true,
    lacks: lacksForNamespaces,
  },
];

export const slowLanes: readonly SlowLane[] = [
  { name: "faults", command: "npm run lane -- faults", shows: "the faults of a host's network, one by one" },
  { name: "demo", command: "npm run lab -- demo", shows: "the main job step by step, with measured times" },
  { name: "boot", command: "npm run lane -- boot", shows: "a booted systemd: Open vSwitch, the agent, then Docker" },
  { name: "vm", command: "npm run lane -- vm", shows: "a virtual machine: the kernel's own datapath, VLANs and bonds" },
  { name: "fuzz", command: "npm run lane -- fuzz", shows: "node-ovsdb fed with inputs by chance" },
  {
    name: "chaos",
    command: "npm run chaos -- network --rounds 50",
    shows: "the agent killed in the middle of changes",
  },
  { name: "bench", command: "npm run bench -- boot", shows: "time to READY and memory" },
  { name: "bench", command: "npm run bench -- network", shows: "convergence against ovs-vsctl" },
];

/** Network namespaces, veth pairs and the userspace datapath need Linux, root and /dev/net/tun. */
async function lacksForNamespaces(): Promise<string | undefined> {
  if (process.platform !== "linux") return `it needs Linux; this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "it needs root, to make network namespaces and virtual NICs";
  const tun = await access("/dev/net/tun", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return tun ? undefined : "it needs /dev/net/tun, for the ports of the userspace datapath";
}
