import {
  type Collector,
  collector,
  type HostFiles,
  type Metric,
  type MetricType,
  perRow,
  type Value,
} from "../collector.ts";
import { times } from "../parse.ts";

const FOLDER = "sys/class/net";

/** A device and its attributes by the names of their files; what the device does not have is absent. */
interface Device {
  readonly device: string;
  readonly attributes: Readonly<Record<string, string>>;
}
type Devices = readonly Device[];

/** The metrics that are numbers in files: name, file, and where it is not a gauge, type. */
const NUMBERS: readonly (readonly [name: string, file: string, type?: MetricType])[] = [
  ["address_assign_type", "addr_assign_type"],
  ["carrier", "carrier"],
  ["carrier_changes_total", "carrier_changes", "counter"],
  ["carrier_down_changes_total", "carrier_down_count", "counter"],
  ["carrier_up_changes_total", "carrier_up_count", "counter"],
  ["device_id", "dev_id"],
  ["dormant", "dormant"],
  ["flags", "flags"],
  ["iface_id", "ifindex"],
  ["iface_link", "iflink"],
  ["iface_link_mode", "link_mode"],
  ["mtu_bytes", "mtu"],
  ["name_assign_type", "name_assign_type"],
  ["net_dev_group", "netdev_group"],
  ["protocol_type", "type"],
  ["transmit_queue_length", "tx_queue_len"],
];
const TEXTS = ["address", "broadcast", "duplex", "operstate", "ifalias"] as const;
/** For these the kernel asks the driver, under the lock of its whole network configuration. */
const SLOW = ["duplex", "speed"];
const FILES = [...NUMBERS.map(([, file]) => file), ...TEXTS].filter((file) => !SLOW.includes(file));

const numeric = ([name, file, type = "gauge"]: (typeof NUMBERS)[number]): Metric<Devices> => ({
  name: `node_network_${name}`,
  help: `Network device property: ${name}`,
  type,
  labels: ["device"],
  samples: (devices) => perDevice(devices, ({ attributes }) => numberOf(attributes[file])),
});

const metrics: readonly Metric<Devices>[] = [
  ...NUMBERS.map(numeric),
  {
    name: "node_network_info",
    help: "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
    type: "gauge",
    labels: ["device", ...TEXTS].toSorted(),
    samples: (devices) =>
      devices.map(({ device, attributes }) => ({
        labels: ["device", ...TEXTS].toSorted().map((name) => (name === "device" ? device : (attributes[name] ?? ""))),
        value: 1,
      })),
  },
  {
    name: "node_network_speed_bytes",
    help: "Network device property: speed_bytes",
    type: "gauge",
    labels: ["device"],
    samples: (devices) => perDevice(devices, ({ attributes }) => speedOf(attributes.speed)),
  },
  {
    name: "node_network_up",
    help: "Value is 1 if operstate is 'up', 0 otherwise.",
    type: "gauge",
    labels: ["device"],
    samples: (devices) => perDevice(devices, ({ attributes }) => (attributes.operstate === "up" ? 1 : 0)),
  },
];

export function netclass(host: HostFiles): Collector {
  return collector({
    name: "netclass",
    metrics,
    async read() {
      const devices: Device[] = [];
      for (const device of await host.list(FOLDER)) {
        const attributes = await attributesOf(host, device);
        // One that vanished between the two looks is no reason to tell nothing of the others.
        if (attributes.ifindex !== undefined) devices.push({ device, attributes });
      }
      return devices;
    },
  });
}

async function attributesOf(host: HostFiles, device: string): Promise<Readonly<Record<string, string>>> {
  const attributes: Record<string, string> = {};
  const keep = (name: string) => (text: string) => {
    attributes[name] = text.trim();
  };
  // Each attribute may be missing: drivers answer "invalid argument" for what does not apply, such as the carrier of a device
  // that is down.
  for (const name of FILES) await host.read(`${FOLDER}/${device}/${name}`).then(keep(name), () => undefined);
  // A device that is down has no carrier to read, and neither of these; one without a link has no speed.
  const slow = attributes.carrier === "1" ? SLOW : attributes.carrier === "0" ? ["duplex"] : [];
  const path = (name: string): string => `${FOLDER}/${device}/${name}`;
  await Promise.all(slow.map((name) => host.readSlow(path(name)).then(keep(name), () => undefined)));
  return attributes;
}

function perDevice(devices: Devices, value: (device: Device) => Value | undefined) {
  return perRow(devices, ({ device }) => [device], value);
}

/** Decimal, or hexadecimal with its mark (`flags`, `dev_id`). */
function numberOf(text: string | undefined): Value | undefined {
  if (text === undefined || !/^(0x[0-9a-f]+|\d+)$/i.test(text)) return undefined;
  return BigInt(text).toString();
}

/** From Mbit/s. A device that does not know its speed says -1 or 0xffffffff. */
function speedOf(text: string | undefined): Value | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  return times(text, 125_000);
}
