import { hostTools, type Say, type ToolEnv } from "./tools.ts";

/** node_exporter and promtool, from this machine or unpacked beside it. */
export function metricsTools(say?: Say): Promise<ToolEnv> {
  return hostTools(say, [
    {
      commands: ["prometheus-node-exporter"],
      debian: "prometheus-node-exporter",
      fedora: "node-exporter",
      why: "comparing the agent's metrics with those of the exporter that they are named after",
    },
    { commands: ["promtool"], debian: "prometheus", fedora: "prometheus", why: "checking the form of the metrics" },
  ]);
}
