import type { Health } from "./controller/messages.ts";
import type { Problem } from "./core/errors.ts";
import { describeMaintenance } from "./web/maintenance.ts";
import type { ContainersStatus, NetworkStatus, Status } from "./web/status.ts";

/** The status as the tree of what is well and what is not, which a controller is told. Pure. */
export function healthOf(status: Status): Health {
  const children: Record<string, Health> = {
    network: networkHealth(status.network),
    os: part(status.os.view.state, status.os.problems),
    ...(status.containers && { containers: containersHealth(status.containers) }),
  };
  const sick = Object.entries(children).filter(([, { healthy }]) => !healthy);
  const ready = { yes: "ready", no: "starting", degraded: "ready, degraded" }[status.ready];
  return {
    healthy: sick.length === 0 && status.ready === "yes",
    status: status.maintenance === undefined ? ready : `${ready}, ${describeMaintenance(status.maintenance)}`,
    startedAt: status.startedAt,
    ...(sick.length === 0
      ? {}
      : { error: sick.map(([name, { error }]) => `${name}: ${error ?? "not well"}`).join("; ") }),
    children,
  };
}

function networkHealth(network: NetworkStatus): Health {
  const { bond, change, problems } = network;
  const links = (bond?.members ?? []).map(({ nic, link, active, fabric }): [string, Health] => {
    const where = fabric === undefined ? "" : `, fabric ${fabric}`;
    const state = link === "up" ? `up, ${active ? "active" : "standby"}` : link;
    return [
      nic,
      { healthy: link === "up", status: `${state}${where}`, ...(link === "up" ? {} : { error: `link ${link}` }) },
    ];
  });
  const addresses = network.addresses.map(({ device, address, vlan }): [string, Health] => [
    device,
    { healthy: true, status: `${address} on VLAN ${vlan}` },
  ]);
  const active = bond?.members.find((member) => member.active)?.nic;
  const down = (bond?.members ?? []).filter(({ link }) => link !== "up");
  const own: Health | undefined = bond && {
    healthy: active !== undefined && down.length === 0,
    status: active === undefined ? "no active link" : `active link ${active}`,
    ...(active === undefined
      ? { error: "no active link" }
      : down.length > 0
        ? { error: `${active} alone carries it` }
        : {}),
    children: Object.fromEntries(links),
  };
  const state = change === undefined ? (network.mode ?? "not configured") : "changing";
  const revision = network.revision === undefined ? "" : `, revision ${network.revision}`;
  return {
    ...part(`${state}${revision}`, problems),
    children: { ...(bond && own ? { [bond.name]: own } : {}), ...Object.fromEntries(addresses) },
  };
}

function containersHealth({ docker, list, problems }: ContainersStatus): Health {
  // What was seen last says nothing of what is, while Docker is not there.
  const children = (docker.state === "connected" ? list : [])
    .filter(({ reason }) => reason !== "ignored")
    .map(({ name, state, health, verdict, reason }): [string, Health] => {
      const healthy = verdict !== "alert" && verdict !== "restart" && reason !== "stopped-by-operator";
      const status = health === "none" ? state : `${state}, ${health}`;
      return [name, { healthy, status, ...(healthy ? {} : { error: `${verdict}: ${reason}` }) }];
    });
  return { ...part(`Docker ${docker.state}`, problems), children: Object.fromEntries(children) };
}

function part(status: string, problems: readonly Problem[]): Health {
  const [first] = problems;
  if (first === undefined) return { healthy: true, status };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return { healthy: false, status, error: `${first.code}: ${first.message}${more}` };
}
