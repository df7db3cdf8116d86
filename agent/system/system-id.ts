import { problemOf } from "../core/errors.ts";
import type { SystemIdFile } from "../network/ports.ts";
import { readFileBounded, writeFileAtomic } from "./files.ts";

const MAX_BYTES = 4096;

/** /etc/openvswitch/system-id.conf: one line, which ovs-ctl copies into the database at every start of Open vSwitch. */
export function openSystemIdFile(path: string): SystemIdFile {
  return {
    async read() {
      try {
        const text = new TextDecoder().decode(await readFileBounded(path, MAX_BYTES)).trim();
        return text === "" ? undefined : text;
      } catch (error) {
        if (problemOf(error).code === "E_FILE_MISSING") return undefined;
        throw error;
      }
    },
    write: (value) => writeFileAtomic(path, `${value}\n`, 0o644),
  };
}
