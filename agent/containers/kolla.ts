import type { Container } from "./observed.ts";

/** How much may be done to a container: `free` restarts harm nobody; `careful` may; the others are never touched by default. */
export type Kind = "free" | "careful" | "observe" | "ignored";

/** Children of Neutron's agents: the data plane of routers and DHCP. Their agent looks after them. */
const child = /^neutron_.+_(dnsmasq|haproxy|keepalived|radvd)_/;

/** The first that fits counts. */
const kinds: readonly (readonly [RegExp, Kind])[] = [
  // Runs once a boot, removes ports, and stays exited.
  [/^neutron_ovs_cleanup$/, "ignored"],
  [child, "ignored"],
  [/^bootstrap_/, "ignored"],
  // cephadm's: `ceph-FSID-osd-3`.
  [/^ceph-/, "ignored"],
  [/^openvswitch_/, "observe"],
  [/^(nova_libvirt|mariadb|rabbitmq|ovn_.+_db|ovn_controller|ceph_.+|etcd|opensearch)$/, "observe"],
  [/^(cron|fluentd|kolla_toolbox|.+_exporter|prometheus_.+|grafana|collectd|telegraf)$/, "free"],
];

export function isChild(name: string): boolean {
  return child.test(name);
}

export function kindOf(name: string): Kind {
  return kinds.find(([pattern]) => pattern.test(name))?.[1] ?? "careful";
}

/** Made by Kolla: its environment and its image's label. A name alone proves nothing. */
export function isKolla({ env, labels }: Pick<Container, "env" | "labels">): boolean {
  return "KOLLA_CONFIG_STRATEGY" in env && "kolla_version" in labels;
}

export function isOpenvswitch(name: string): boolean {
  return name.startsWith("openvswitch_");
}

/** Something that a deployer runs to its end. */
export function isDeployer({ name, env, labels }: Container): boolean {
  const marks = ["KOLLA_BOOTSTRAP", "KOLLA_UPGRADE", "KOLLA_OSM"];
  return (
    name.startsWith("bootstrap_") || marks.some((mark) => mark in env) || "BOOTSTRAP" in labels || "UPGRADE" in labels
  );
}

/** Never adopted and never started: children of agents, one-shots, clean-ups. */
export function isOneShot(name: string, container: Container | undefined): boolean {
  return kindOf(name) === "ignored" || (container !== undefined && isDeployer(container));
}
