import { join } from "node:path";

/** Every path that the agent uses, below `root`: `/` on a host, a folder of its own for a host of the lab. */
export interface Places {
  readonly root: string;
  readonly networkState: string;
  readonly ledger: string;
  readonly rescue: string;
  readonly dockerGate: string;
  /** The last valid configuration, for a daemon that starts with an invalid one. */
  readonly keptConfiguration: string;
  /** Until when an operator works on this host. */
  readonly maintenance: string;
  /** What this agent is to the controller, and what became of the controller's configurations. */
  readonly controllerSession: string;
  /** The configuration that the controller sent: a fragment of rank 3. */
  readonly controllerFragment: string;
  /** The journal of restarts. */
  readonly containersState: string;
  /** The socket of Docker's API. */
  readonly docker: string;
  readonly run: string;
  readonly netReady: string;
  readonly controlSocket: string;
  /** Where the group of the control socket is looked up. */
  readonly groupFile: string;
  readonly ovsdb: string;
  readonly systemId: string;
  readonly resolvConf: string;
  /** The folder of systemd-resolved, while it runs. */
  readonly resolved: string;
  readonly console: string;
  readonly bootId: string;
  /** A directory a device, with the kernel's switches for its IPv6. */
  readonly ipv6: string;
}

export function placesUnder(root: string): Places {
  const below = (path: string): string => join(root, path);
  return {
    root,
    networkState: below("var/lib/devcloud-agent/network"),
    ledger: below("var/lib/devcloud-agent/network/ledger.json"),
    rescue: below("var/lib/devcloud-agent/rescue.sh"),
    controllerSession: below("var/lib/devcloud-agent/opamp/session.json"),
    controllerFragment: below("var/lib/devcloud-agent/controller/50-controller.yaml"),
    keptConfiguration: below("var/lib/devcloud-agent/configuration.json"),
    maintenance: below("var/lib/devcloud-agent/maintenance.json"),
    dockerGate: below("var/lib/devcloud-agent/docker-gate.env"),
    containersState: below("var/lib/devcloud-agent/containers"),
    docker: below("run/docker.sock"),
    run: below("run/devcloud-agent"),
    netReady: below("run/devcloud-agent/net-ready"),
    controlSocket: below("run/devcloud-agent/control.sock"),
    groupFile: below("etc/group"),
    ovsdb: below("run/openvswitch/db.sock"),
    systemId: below("etc/openvswitch/system-id.conf"),
    resolvConf: below("etc/resolv.conf"),
    resolved: below("run/systemd/resolve"),
    console: below("dev/console"),
    bootId: below("proc/sys/kernel/random/boot_id"),
    ipv6: below("proc/sys/net/ipv6/conf"),
  };
}
