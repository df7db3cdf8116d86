import * as v from "valibot";
import * as value from "./values.ts";

/*
 * The configuration as it is written: snake_case keys, durations as text, defaults declared here. The title of a key
 * says what it is for; editors show it. What concerns more than one value lies in checks/.
 */

const key = <const S extends v.GenericSchema>(title: string, schema: S) => v.pipe(schema, v.title(title));

const optional = <const S extends v.GenericSchema>(title: string, schema: S) => v.exactOptional(key(title, schema));

const defaulted = <const S extends v.GenericSchema, const D extends v.InferInput<S>>(
  title: string,
  schema: S,
  value: D,
) => v.exactOptional(key(title, schema), value);

const list = <const S extends v.GenericSchema>(item: S) => v.array(item);

const filledList = <const S extends v.GenericSchema>(item: S) =>
  v.pipe(v.array(item), v.minLength(1), v.description("a list with at least one entry"));

const oneOf = <const T extends readonly [string, ...string[]]>(...words: T) =>
  v.pipe(v.picklist(words), v.description(words.length === 1 ? words[0] : `one of ${words.join(", ")}`));

const word = (form: string) =>
  v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/), v.maxLength(64), v.description(form));

const nicSchema = v.strictObject({
  mac: optional("The NIC's permanent MAC address, to find it by", value.mac),
  pci: optional("The NIC's PCI address, to find it by", value.pci),
  fabric: key("The switch fabric that the cable leads to, such as A or B", value.label),
});

const bondSchema = v.strictObject({
  name: key("Name of the bond, a port of our bridge", value.deviceName),
  members: key("Two NICs or more, by their names under `nics`", list(value.deviceName)),
  mode: key("How the members share the work", oneOf("active-backup")),
  primary: defaulted("The member to prefer while it works, or none", value.deviceName, "none"),
  failback: defaulted(
    "Whether the bond goes back to its primary when that works again",
    oneOf("always", "never"),
    "always",
  ),
  native_vlan: optional("Name of the VLAN that is untagged on the uplinks; absent: all are tagged", value.label),
  updelay: defaulted("How long a member's carrier must be back before it is used", value.duration, "30s"),
  downdelay: defaulted("How long a member's carrier must be gone before it is left", value.duration, "0s"),
  detect: defaulted("How the loss of a link is noticed", oneOf("carrier", "miimon"), "carrier"),
  mtu: optional("MTU of the members and the bond; absent: left as it is", value.mtu),
});

const routeSchema = v.strictObject({
  to: key("Destination network", value.network),
  via: key("Next hop, inside a net of this address", value.ipAddress),
});

const addressSchema = v.strictObject({
  vlan: key("Name of the VLAN, from `vlans`", value.label),
  ipv4: defaulted("IPv4 addresses with their prefixes", list(value.ipv4Cidr), []),
  ipv6: defaulted("IPv6 addresses with their prefixes", list(value.ipv6Cidr), []),
  gateway: optional("Default gateway; at most one of a family for the whole host", value.ipAddress),
  mtu: optional("MTU of this port, at most the bond's", value.mtu),
  mac: optional("MAC address of this port; absent: that of the bond's first member", value.portMac),
  routes: defaulted("Further routes through this port", list(routeSchema), []),
});

const neutronBridgeSchema = v.strictObject({
  physnet: key("Neutron's name of the physical network", value.label),
  vlans: key("Names of the VLANs that Neutron may use; it gets these and no others", filledList(value.label)),
});

const neutronSchema = v.strictObject({
  plugin: defaulted("Neutron's mechanism on this host", oneOf("openvswitch"), "openvswitch"),
  bridges: defaulted("Neutron's bridges, by name", v.record(value.neutronBridgeName, neutronBridgeSchema), {}),
  system_id: defaulted("`keep`, or the system-id of Open vSwitch", word("`keep`, or an id without spaces"), "keep"),
});

export const confirmSchema = v.strictObject({
  deadline: defaulted("A change that is not confirmed by then is undone", value.waiting, "120s"),
  by: defaulted("Who confirms: good probes, or a person", oneOf("probes", "operator"), "probes"),
  good: defaulted(
    "So many good rounds of probes in a row confirm a change",
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000), v.description("a whole number from 1 to 1000")),
    3,
  ),
});

const networkSchema = v.strictObject({
  mode: defaulted("observe: plan and report only; enforce: make it so", oneOf("observe", "enforce"), "observe"),
  datapath: defaulted("Open vSwitch's datapath: the kernel's, or userspace", oneOf("system", "netdev"), "system"),
  nics: key(
    "The host's NICs, by name; with neither mac nor pci the name finds the NIC",
    v.record(value.deviceName, nicSchema),
  ),
  bond: key("The bond of the uplinks", bondSchema),
  bridge: defaulted("Our own bridge, which holds the bond and the management ports", value.deviceName, "br-uplink"),
  vlans: key(
    "VLAN ids by name; the trunk carries all of them and no others",
    v.pipe(v.record(value.label, value.vlanId), v.minEntries(1), v.description("a map with at least one VLAN")),
  ),
  addresses: defaulted(
    "The host's own ports and addresses, by port name",
    v.record(value.deviceName, addressSchema),
    {},
  ),
  neutron: optional("What Neutron gets", neutronSchema),
  probes: optional("What must answer for a change to be good; absent: the gateway, if there is one", list(value.probe)),
  gray_failure: defaulted(
    "Carrier is up and the fabric behind it dead: what to do",
    oneOf("off", "alert", "switch"),
    "alert",
  ),
  confirm: defaulted("How a change is confirmed", confirmSchema, {}),
});

const dockerGateSchema = v.strictObject({
  hold: defaulted("How long Docker's first start is held for the network", value.waiting, "10m"),
  then: defaulted("What happens after that", oneOf("start", "wait"), "start"),
});

const timingSchema = v.strictObject({
  boot_budget: defaulted("READY at the latest, degraded if need be", value.waiting, "60s"),
  ovsdb_timeout: defaulted("A request to OVSDB", value.waiting, "5s"),
  apply_timeout: defaulted("From the commit until Open vSwitch has applied it", value.waiting, "10s"),
  probe_interval: defaulted("Between two rounds of probes", value.waiting, "1s"),
  probe_timeout: defaulted("One probe", value.waiting, "1s"),
  backoff_min: defaulted("The first pause after a failure", value.waiting, "500ms"),
  backoff_max: defaulted("The longest pause after failures", value.waiting, "30s"),
  drift_interval: defaulted("Between two looks for drift, if nothing else calls for one", value.waiting, "30s"),
  uplink_silent: defaulted(
    "Silence of the gateway after which others are asked; over a second",
    value.waiting,
    "1300ms",
  ),
  uplink_probe: defaulted("How long whoever is asked then may take to answer", value.waiting, "400ms"),
  uplink_witness: defaulted(
    "Between two looks at which neighbours answer, to ask them when the gateway is silent",
    value.waiting,
    "60s",
  ),
  uplink_move: defaulted(
    "Between two moves of the bond away from an uplink that nobody answers on",
    value.waiting,
    "60s",
  ),
  uplink_all_deaf: defaulted("The same, where nobody answered on any uplink", value.waiting, "10m"),
  uplink_flap_hold: defaulted(
    "For how long the bond does not go back to an uplink whose link came and went",
    value.waiting,
    "5m",
  ),
  lldp_interval: defaulted("Between two questions to lldpd where the cables end", value.waiting, "60s"),
  dead_man_grace: defaulted(
    "How much later than the agent itself its dead-man takes a change back",
    value.waiting,
    "3s",
  ),
});

const hostSchema = v.strictObject({
  name: optional("Compared with the host's own name, never set", value.hostName),
  dns: defaulted("Addresses of the name servers", list(value.ipAddress), []),
});

const declaredContainerSchema = v.strictObject({
  class: optional("How much may be done to it", oneOf("free", "careful", "observe", "ignored")),
  image: optional("The image that it must run from", v.pipe(v.string(), v.minLength(1), v.description("an image"))),
  policy: optional("Docker's restart policy", oneOf("no", "always", "unless-stopped", "on-failure")),
  environment: optional("Variables that must be set", v.record(word("the name of a variable"), v.string())),
});

const containerTimingSchema = v.strictObject({
  relist: defaulted("Between two looks at all containers, if no event calls for one", value.waiting, "30s"),
  call_timeout: defaulted("A request to Docker or systemd", value.waiting, "5s"),
  action_timeout: defaulted("A restart, with the time that the container takes to stop", value.waiting, "90s"),
  owner_grace: defaulted("Down for so long: its owner has given up", value.waiting, "15s"),
  unhealthy_for: defaulted("Unhealthy for so long: a restart is due", value.waiting, "2m"),
  backoff_min: defaulted("The first pause between restarts of a container", value.waiting, "5s"),
  backoff_max: defaulted("The longest pause between restarts of a container", value.waiting, "5m"),
  reset_after: defaulted("In good health for so long: earlier restarts are forgotten", value.waiting, "10m"),
  budget_window: defaulted("The time that `budget` counts in", value.waiting, "10m"),
  quiet: defaulted("No restart for so long after the last trace of a deployer", value.waiting, "5m"),
});

const count = (from: number, to: number) =>
  v.pipe(
    v.number(),
    v.integer(),
    v.minValue(from),
    v.maxValue(to),
    v.description(`a whole number from ${from} to ${to}`),
  );

const containersSchema = v.strictObject({
  default: defaulted("What to do about a container that is not named", oneOf("observe", "restart"), "observe"),
  restart: defaulted("Names of containers that may be restarted", list(value.label), []),
  manifest: defaulted(
    "Containers that must be there, by name, and what they must be like",
    v.record(value.label, declaredContainerSchema),
    {},
  ),
  budget: defaulted("At most so many restarts on this host in the budget's window", count(0, 100), 6),
  min_free_mib: defaulted("No restart while Docker's disk has less free (MiB)", count(0, 1_048_576), 256),
  timing: defaulted("Every duration that the agent waits by for containers", containerTimingSchema, {}),
});

const metricsTimingSchema = v.strictObject({
  collect_timeout: defaulted(
    "One collector of a scrape; a file system that hangs gets half of it",
    value.waiting,
    "2s",
  ),
  client_timeout: defaulted("A client that takes longer over its answer is dropped", value.waiting, "30s"),
  request_timeout: defaulted("A client that takes longer over its request is dropped", value.waiting, "5s"),
  listen_interval: defaulted("Between two looks whether the addresses to listen on are there", value.waiting, "5s"),
});

const metricsSchema = v.strictObject({
  listen: defaulted(
    "Where /metrics and the status page answer: addresses, and names of `network.addresses`",
    list(value.hostPort),
    ["127.0.0.1:9464", "mgmt0:9464"],
  ),
  web_config: optional("TLS for the listeners, in exporter-toolkit's form", value.absolutePath),
  timing: defaulted("Every duration that the listeners wait by", metricsTimingSchema, {}),
});

const osSchema = v.strictObject({
  mode: defaulted("observe: report only; manage: stage deployments", oneOf("observe", "manage"), "observe"),
});

const controllerTimingSchema = v.strictObject({
  connect_timeout: defaulted("From the first packet until the WebSocket is open", value.waiting, "10s"),
  ack_timeout: defaulted("An answer to a report", value.waiting, "20s"),
  ping_after: defaulted("Silence after which the controller is pinged", value.waiting, "15s"),
  silent_for: defaulted("Silence after which the connection counts as dead", value.waiting, "35s"),
  heartbeat: defaulted("Between two reports, if nothing changes", value.waiting, "30s"),
  report_interval: defaulted("Between two reports, whatever changes", value.waiting, "2s"),
  backoff_min: defaulted("The first pause is a random time up to this", value.waiting, "1s"),
  backoff_max: defaulted("The longest pause is a random time up to this", value.waiting, "2m"),
  healthy_after: defaulted("A connection that was of use so long ends the backing off", value.waiting, "60s"),
  retry_after_min: defaulted("The shortest pause that a controller may ask for", value.waiting, "30s"),
  retry_after_max: defaulted("The longest pause that a controller may ask for", value.waiting, "24h"),
});

const controllerSchema = v.strictObject({
  endpoints: defaulted(
    "Controllers; one is chosen by chance at each attempt, another one after a failure",
    list(value.url(["wss:", "ws:"], "a wss:// URL (ws:// only to the host itself)")),
    [],
  ),
  tls: defaulted(
    "Certificates for the way to the controller",
    v.strictObject({
      ca: optional("Certificate authority of the controller", value.absolutePath),
      cert: optional("This host's certificate", value.absolutePath),
      key: optional("This host's private key", value.absolutePath),
    }),
    {},
  ),
  proxy: optional("HTTP proxy", value.url(["http:", "https:"], "an http:// or https:// URL")),
  allow: defaulted("What the controller may set (config:PATH) and order (order:NAME)", list(value.opening), []),
  timing: defaulted("Every duration that the link to the controller waits by", controllerTimingSchema, {}),
});

const maintenanceSchema = v.strictObject({
  until: optional("End of the maintenance", value.instant),
});

export const configSchema = v.strictObject({
  version: key("Version of this format", v.pipe(v.literal(1), v.description("1"))),
  host: defaulted("The host itself", hostSchema, {}),
  network: optional("The network; absent: the agent looks after none", networkSchema),
  docker_gate: defaulted("Docker's first start waits for the network", dockerGateSchema, {}),
  timing: defaulted("Every duration that the agent waits by", timingSchema, {}),
  containers: optional("Containers", containersSchema),
  metrics: optional("Metrics and the status page", metricsSchema),
  os: optional("The operating system's deployments", osSchema),
  controller: optional("The central controller", controllerSchema),
  maintenance: optional("A planned time without repairs and alerts", maintenanceSchema),
});

/** The whole configuration, valid, with its defaults. */
export type Config = v.InferOutput<typeof configSchema>;
