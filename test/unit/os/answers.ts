/** rpm-ostree's answers, written from the list of its fields by version. */
export const checksums = ["a", "b", "c", "d"].map((letter) => letter.repeat(64)) as readonly string[];
const [a = "", b = "", c = "", d = ""] = checksums;

/** The fields of 2017: no `staged`, no `pinned`, nothing of containers. */
function deployment2017(checksum: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    id: `centos-atomic-host-${checksum}.0`,
    osname: "centos-atomic-host",
    serial: 0,
    checksum,
    "base-checksum": null,
    version: "7.1706",
    timestamp: 1_498_000_000,
    origin: "centos-atomic-host:centos-atomic-host/7/x86_64/standard",
    "requested-packages": [],
    packages: [],
    signatures: [],
    "gpg-enabled": true,
    unlocked: "none",
    booted: false,
    ...more,
  };
}

function today(checksum: string, version: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    ...deployment2017(checksum, {
      osname: "fedora-coreos",
      version,
      timestamp: 1_790_000_000,
      origin: "fedora:fedora/x86_64/coreos/stable",
    }),
    "base-commit-meta": { "rpmostree.inputhash": "00" },
    "cached-update": null,
    pinned: false,
    staged: false,
    "finalization-locked": false,
    "update-driver": null,
    ...more,
  };
}

function listedToday() {
  return [
    today(c, "44.3", { staged: true, "finalization-locked": true }),
    today(b, "44.2", { booted: true }),
    today(a, "44.1"),
    today(d, "43.9", { pinned: true }),
  ];
}

const answer = (deployments: readonly unknown[], transaction: unknown = null) =>
  JSON.stringify({ deployments, transaction, "cached-update": null });

export const answers = {
  "2017": answer([deployment2017(b, { booted: true, version: "7.1707" }), deployment2017(a)]),
  today: answer(listedToday(), ["upgrade", ":1.77", "/org/projectatomic/rpmostree1/fedora_coreos"]),
  /** The same, when the transaction has ended. */
  idle: answer(listedToday()),
  /** A whole OCI manifest lies in the answer as text, twice as an escaped document. */
  container: answer([containerDeployment(b, { booted: true, version: "10.20261101.0" })]),
  /** The first one was to be booted, and the second one was. */
  fallback: answer([today(c, "44.3"), today(b, "44.2", { booted: true })]),
  nothingBooted: answer([today(b, "44.2"), today(a, "44.1")]),
  none: answer([]),
  twoStateroots: answer([
    today(b, "44.2", { booted: true }),
    today(d, "12.0", { osname: "other" }),
    today(a, "44.1", {}),
  ]),
} as const;

function containerDeployment(checksum: string, more: Readonly<Record<string, unknown>>) {
  const { origin: _origin, "gpg-enabled": _gpg, ...fields } = today(checksum, "", more);
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: `sha256:${d}`, size: 12_345_678 };
  const manifest = JSON.stringify({ schemaVersion: 2, layers: Array.from({ length: 1_400 }, () => layer) });
  return {
    ...fields,
    osname: "default",
    "container-image-reference": "ostree-image-signed:docker://registry.example.net/devcloud/host:10",
    "container-image-reference-digest": `sha256:${c}`,
    "base-commit-meta": { "ostree.manifest": manifest, "ostree.manifest-digest": `sha256:${c}` },
  };
}
