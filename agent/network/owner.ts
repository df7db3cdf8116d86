import type { Keys } from "./target.ts";

const OWNER = "devcloud-owner";
const HASH = "devcloud-hash";
const REVISION = "devcloud-revision";
const NIC = "devcloud-nic";

const owner = "devcloud-agent";

/** The marks that every row of ours carries in `external_ids`. */
export const ownerMark: Keys = { [OWNER]: owner };

/** The marks of the uplink bridge: which configuration it was made from. */
export function revisionMark(hash: string, revision: number): Keys {
  return { [HASH]: hash, [REVISION]: String(revision) };
}

/** Which NIC of the configuration an Interface stands for, so that it is known again while the NIC is missing. */
export function nicMark(nic: string): Keys {
  return { [NIC]: nic };
}

type Marked = { readonly external_ids: Readonly<Record<string, string>> };

export function isOurs(row: Marked): boolean {
  return row.external_ids[OWNER] === owner;
}

/** Of the uplink bridge. */
export function isMadeFrom(row: Marked, hash: string): boolean {
  return isOurs(row) && row.external_ids[HASH] === hash;
}

export function standsForNic(row: Marked, nic: string): boolean {
  return isOurs(row) && row.external_ids[NIC] === nic;
}
