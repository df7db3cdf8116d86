import { type Collector, collector, type Metric } from "../collector.ts";

/** A deployment of an image-based host. main.ts fills this from what the tools of the host say. */
export interface Deployment {
  /** booted, staged, pending, rollback or kept. */
  readonly role: string;
  readonly checksum: string;
  readonly version?: string;
}

export interface DeploymentSource {
  /** None on a host that was not installed from an image. */
  deployments(): readonly Deployment[];
}

const info: Metric<readonly Deployment[]> = {
  name: "devcloud_os_deployment_info",
  help: "A deployment of the operating system and its role, value is always 1.",
  type: "gauge",
  labels: ["checksum", "role", "version"],
  samples: (deployments) =>
    deployments.map(({ checksum, role, version }) => ({ labels: [checksum, role, version ?? ""], value: 1 })),
};

export function os(source: DeploymentSource): Collector {
  return collector({ name: "os", metrics: [info], read: () => source.deployments() });
}
