import type { Collector, HostFiles } from "./collector.ts";
import { type ContainerSource, containers } from "./containers/containers.ts";
import { cpu } from "./cpu/cpu.ts";
import { diskstats } from "./diskstats/diskstats.ts";
import { filesystem } from "./filesystem/filesystem.ts";
import { loadavg } from "./loadavg/loadavg.ts";
import { meminfo } from "./meminfo/meminfo.ts";
import { netclass } from "./netclass/netclass.ts";
import { netdev } from "./netdev/netdev.ts";
import { type DeploymentSource, os } from "./os/os.ts";
import { type OvsSource, ovs } from "./ovs/ovs.ts";
import { pressure } from "./pressure/pressure.ts";
import { stat } from "./stat/stat.ts";
import { uname } from "./uname/uname.ts";

/** What collectors need of the rest; a part that is not there has no families. */
export interface Sources {
  readonly host: HostFiles;
  readonly containers?: ContainerSource;
  readonly os?: DeploymentSource;
  readonly ovs?: OvsSource;
}

type Open = (sources: Sources) => Collector | undefined;

const ofHost =
  (open: (host: HostFiles) => Collector): Open =>
  ({ host }) =>
    open(host);

/** Every collector, sorted by name. */
const list: readonly Open[] = [
  (sources) => sources.containers && containers(sources.containers, sources.host),
  ofHost(cpu),
  ofHost(diskstats),
  ofHost(filesystem),
  ofHost(loadavg),
  ofHost(meminfo),
  ofHost(netclass),
  ofHost(netdev),
  (sources) => sources.os && os(sources.os),
  (sources) => sources.ovs && ovs(sources.ovs),
  ofHost(pressure),
  ofHost(stat),
  ofHost(uname),
];

/** Opens every collector whose source is there. Nothing is read yet. */
export function openCollectors(sources: Sources): readonly Collector[] {
  return list.map((open) => open(sources)).filter((each) => each !== undefined);
}
