import * as v from "valibot";
import { deviceName } from "../agent/config/host.ts";
import { isKeyboardLayout, isLocaleName, isTimeZone } from "./places.ts";

/*
 * fleet.yaml: what all hosts share, and what is each host's own. `config` is the agent's configuration and is judged by the agent's
 * own schema; here it is whatever it is.
 */

/** Installers that know how to install an image, and from which version on they know which source. */
const releases = /^(el9|el10|fedora-(3[89]|[4-9]\d))$/;

const text = (form: RegExp, description: string) => v.pipe(v.string(), v.regex(form), v.description(description));

const known = (check: (text: string) => boolean, description: string) =>
  v.pipe(v.string(), v.check(check), v.description(description));

const sourceSchema = v.strictObject({
  kind: v.pipe(
    v.picklist(["ostreesetup", "ostreecontainer", "bootc"]),
    v.description("one of ostreesetup, ostreecontainer, bootc"),
  ),
  url: text(
    /^[A-Za-z0-9][A-Za-z0-9@:/._~+-]{1,511}$/,
    "the URL of an ostree repository, or the reference of an image, without spaces",
  ),
  ref: v.exactOptional(
    text(/^[A-Za-z0-9][A-Za-z0-9/._-]{0,255}$/, "the ref of a branch, such as devcloud/x86_64/host"),
  ),
  stateroot: v.exactOptional(text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "the name of a state root"), "default"),
});

export const installSchema = v.strictObject({
  release: text(releases, "the installer's release: el9, el10 or fedora-NN from 38 on"),
  source: sourceSchema,
  disk: text(
    /^\/dev\/disk\/by-(id|path)\/(?!.*-part\d+$)[A-Za-z0-9][A-Za-z0-9._:+-]{0,199}$/,
    "a whole disk by a name that stays, such as /dev/disk/by-id/wwn-0x5002538f00000001",
  ),
  root_mib: v.exactOptional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(8_192),
      v.maxValue(1_048_576),
      v.description("MiB for the system, a whole number from 8192 on; the rest of the disk is /var"),
    ),
    20_480,
  ),
  nic: v.exactOptional(deviceName),
  lang: v.exactOptional(known(isLocaleName, "a locale such as en_US.UTF-8"), "en_US.UTF-8"),
  keyboard: v.exactOptional(known(isKeyboardLayout, "a keyboard layout such as us, gb or de"), "us"),
  timezone: v.exactOptional(known(isTimeZone, "a time zone such as UTC or Europe/Berlin"), "UTC"),
  ssh_keys: v.pipe(
    v.array(
      text(
        /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,1000}={0,2}( [A-Za-z0-9._@-]{1,128})?$/,
        "a public key as in authorized_keys: type, key, and a comment without spaces",
      ),
    ),
    v.minLength(1),
    v.description("a list with at least one public key: root's password is locked"),
  ),
});

export type Install = v.InferOutput<typeof installSchema>;

/** Names alone: what a part may be called, wherever it stands. */
export const fleetNames = v.strictObject({
  version: v.number(),
  install: v.exactOptional(installSchema),
  config: v.exactOptional(v.unknown()),
  hosts: v.record(
    v.string(),
    v.strictObject({ install: v.exactOptional(installSchema), config: v.exactOptional(v.unknown()) }),
  ),
});

/** Shape of the document; `install` is judged when the host's own is laid over the shared one. */
const anyMap = v.record(v.string(), v.unknown());
export const fleetShape = v.strictObject({
  version: v.pipe(v.literal(1), v.description("1")),
  install: v.exactOptional(anyMap),
  config: v.exactOptional(anyMap),
  hosts: v.pipe(
    v.record(v.string(), v.strictObject({ install: v.exactOptional(anyMap), config: v.exactOptional(anyMap) })),
    v.minEntries(1),
    v.description("a map with at least one host, by its full name"),
  ),
});
