import { formatIp, parseCidr, parseIp } from "../core/ip.ts";
import type { Config } from "./schema.ts";
import type {
  AddressSettings,
  BondSettings,
  ControllerSettings,
  DeclaredContainer,
  NetworkSettings,
  NicSettings,
  Probe,
  Settings,
  Timing,
} from "./settings.ts";
import { durationMs, splitHostPort } from "./values.ts";

/** The valid configuration in the form that the agent works with: camelCase, milliseconds, one spelling of a MAC. */
export function toSettings(config: Config): Settings {
  const { name, dns } = config.host;
  return {
    version: 1,
    host: { ...(name !== undefined && { name }), dns },
    ...(config.network && { network: networkSettings(config.network) }),
    dockerGate: { holdMs: ms(config.docker_gate.hold), then: config.docker_gate.then },
    timing: timing(config.timing),
    ...(config.containers && { containers: containerSettings(config.containers) }),
    ...(config.metrics && { metrics: metricsSettings(config.metrics) }),
    ...(config.os && { os: config.os }),
    ...(config.controller && { controller: controllerSettings(config.controller) }),
    ...(config.maintenance && { maintenance: config.maintenance }),
  };
}

function networkSettings(network: NonNullable<Config["network"]>): NetworkSettings {
  const addresses = mapValues(network.addresses, addressSettings);
  const hasGateway = Object.values(addresses).some(({ gateway }) => gateway !== undefined);
  return {
    mode: network.mode,
    datapath: network.datapath,
    nics: mapValues(network.nics, nicSettings),
    bond: bondSettings(network.bond),
    bridge: network.bridge,
    vlans: network.vlans,
    addresses,
    ...(network.neutron && { neutron: { bridges: network.neutron.bridges, systemId: network.neutron.system_id } }),
    probes: (network.probes ?? (hasGateway ? ["gateway"] : [])).map(probeSettings),
    grayFailure: network.gray_failure,
    confirm: { deadlineMs: ms(network.confirm.deadline), by: network.confirm.by, good: network.confirm.good },
  };
}

function nicSettings({ mac, pci, fabric }: NonNullable<Config["network"]>["nics"][string]): NicSettings {
  return {
    ...(mac !== undefined && { mac: mac.toLowerCase() }),
    ...(pci !== undefined && { pci: pci.toLowerCase() }),
    fabric,
  };
}

/** One spelling of every address, which is the kernel's. */
function addressSettings(address: NonNullable<Config["network"]>["addresses"][string]): AddressSettings {
  return {
    ...address,
    ipv4: address.ipv4.map(cidr),
    ipv6: address.ipv6.map(cidr),
    ...(address.gateway !== undefined && { gateway: ip(address.gateway) }),
    ...(address.mac !== undefined && { mac: address.mac.toLowerCase() }),
    routes: address.routes.map(({ to, via }) => ({ to: cidr(to), via: ip(via) })),
  };
}

// The schema has let only addresses through.
function cidr(text: string): string {
  const found = parseCidr(text);
  if (found === undefined) throw new TypeError(`not an address with its prefix: ${text}`);
  return `${formatIp(found)}/${found.prefix}`;
}

function ip(text: string): string {
  const found = parseIp(text);
  if (found === undefined) throw new TypeError(`not an address: ${text}`);
  return formatIp(found);
}

function bondSettings({
  primary,
  failback,
  updelay,
  downdelay,
  ...bond
}: NonNullable<Config["network"]>["bond"]): BondSettings {
  return {
    name: bond.name,
    members: bond.members,
    mode: bond.mode,
    ...(primary !== "none" && { primary }),
    ...(failback === "never" && { failback }),
    ...(bond.native_vlan !== undefined && { nativeVlan: bond.native_vlan }),
    updelayMs: ms(updelay),
    downdelayMs: ms(downdelay),
    detect: bond.detect,
    ...(bond.mtu !== undefined && { mtu: bond.mtu }),
  };
}

function probeSettings(text: string): Probe {
  const target = text.startsWith("tcp:") ? splitHostPort(text.slice("tcp:".length)) : undefined;
  return target ? { kind: "tcp", ...target } : { kind: "gateway" };
}

function timing(timing: Config["timing"]): Timing {
  return {
    bootBudgetMs: ms(timing.boot_budget),
    ovsdbTimeoutMs: ms(timing.ovsdb_timeout),
    applyTimeoutMs: ms(timing.apply_timeout),
    probeIntervalMs: ms(timing.probe_interval),
    probeTimeoutMs: ms(timing.probe_timeout),
    backoffMinMs: ms(timing.backoff_min),
    backoffMaxMs: ms(timing.backoff_max),
    driftIntervalMs: ms(timing.drift_interval),
    uplinkSilentMs: ms(timing.uplink_silent),
    uplinkProbeMs: ms(timing.uplink_probe),
    uplinkWitnessMs: ms(timing.uplink_witness),
    uplinkMoveMs: ms(timing.uplink_move),
    uplinkAllDeafMs: ms(timing.uplink_all_deaf),
    uplinkFlapHoldMs: ms(timing.uplink_flap_hold),
    lldpIntervalMs: ms(timing.lldp_interval),
    deadManGraceMs: ms(timing.dead_man_grace),
  };
}

function containerSettings({ min_free_mib, timing, manifest, ...rest }: NonNullable<Config["containers"]>) {
  return {
    ...rest,
    manifest: mapValues(manifest, declaredContainer),
    minFreeMib: min_free_mib,
    timing: {
      relistMs: ms(timing.relist),
      callTimeoutMs: ms(timing.call_timeout),
      actionTimeoutMs: ms(timing.action_timeout),
      ownerGraceMs: ms(timing.owner_grace),
      unhealthyForMs: ms(timing.unhealthy_for),
      backoffMinMs: ms(timing.backoff_min),
      backoffMaxMs: ms(timing.backoff_max),
      resetAfterMs: ms(timing.reset_after),
      budgetWindowMs: ms(timing.budget_window),
      quietMs: ms(timing.quiet),
    },
  };
}

function declaredContainer({
  class: kind,
  image,
  policy,
  environment,
}: NonNullable<Config["containers"]>["manifest"][string]): DeclaredContainer {
  return {
    ...(kind !== undefined && { class: kind }),
    ...(image !== undefined && { image }),
    ...(policy !== undefined && { policy }),
    ...(environment !== undefined && { environment }),
  };
}

function metricsSettings({ listen, web_config, timing }: NonNullable<Config["metrics"]>) {
  return {
    listen,
    ...(web_config !== undefined && { webConfig: web_config }),
    timing: {
      collectTimeoutMs: ms(timing.collect_timeout),
      clientTimeoutMs: ms(timing.client_timeout),
      requestTimeoutMs: ms(timing.request_timeout),
      listenIntervalMs: ms(timing.listen_interval),
    },
  };
}

function controllerSettings(controller: NonNullable<Config["controller"]>): ControllerSettings {
  const { endpoints, tls, proxy, allow, timing } = controller;
  return {
    endpoints,
    tls,
    ...(proxy !== undefined && { proxy }),
    allow,
    timing: {
      connectTimeoutMs: ms(timing.connect_timeout),
      ackTimeoutMs: ms(timing.ack_timeout),
      pingAfterMs: ms(timing.ping_after),
      silentForMs: ms(timing.silent_for),
      heartbeatMs: ms(timing.heartbeat),
      reportIntervalMs: ms(timing.report_interval),
      backoffMinMs: ms(timing.backoff_min),
      backoffMaxMs: ms(timing.backoff_max),
      healthyAfterMs: ms(timing.healthy_after),
      retryAfterMinMs: ms(timing.retry_after_min),
      retryAfterMaxMs: ms(timing.retry_after_max),
    },
  };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

// The schema has let only durations through.
function ms(text: string): number {
  const found = durationMs(text);
  if (found === undefined) throw new TypeError(`not a duration: ${text}`);
  return found;
}
