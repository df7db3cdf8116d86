import { existsSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { AgentError, problemOf } from "../core/errors.ts";
import { serversIn } from "../network/dns.ts";
import type { DnsObserved } from "../network/observed.ts";
import type { DnsPort } from "../network/ports.ts";
import { readFileBounded, removeFile, writeFileAtomic } from "./files.ts";
import type { Places } from "./places.ts";
import { run } from "./run.ts";

const MAX_BYTES = 64 * 1024;
const RESOLVECTL_TIMEOUT_MS = 2_000;
/** The files of systemd-resolved that resolv.conf is a link to where it answers for names (systemd-resolved.service(8)). */
const RESOLVEDS = /(^|\/)systemd\/resolve\/(stub-)?resolv\.conf$|(^|\/)usr\/lib\/systemd\/resolv\.conf$/;

/** /etc/resolv.conf, or systemd-resolved where that is a link to it. */
export function openDns(places: Pick<Places, "resolvConf" | "resolved">): DnsPort {
  return {
    async observe(): Promise<DnsObserved> {
      const to = await readlink(places.resolvConf).catch(() => undefined);
      if (to === undefined) return { way: "file", text: await textOf(places.resolvConf) };
      if (!RESOLVEDS.test(to)) return { way: "foreign", to };
      // A link to a resolved that does not run leads nowhere, and is replaced by a file.
      if (!existsSync(`${places.resolved}/io.systemd.Resolve`)) return { way: "file", text: null };
      return { way: "resolved", servers: serversIn(await textOf(`${places.resolved}/resolv.conf`)) };
    },
    async write(step) {
      if (step.kind === "set-dns") return resolvectl("dns", step.device, ...step.servers);
      if (step.text === null) return removeFile(places.resolvConf);
      return writeFileAtomic(places.resolvConf, step.text, 0o644);
    },
  };
}

async function resolvectl(...args: readonly string[]): Promise<void> {
  const signal = new AbortController().signal;
  const { code, stderr } = await run("resolvectl", args, { signal, timeoutMs: RESOLVECTL_TIMEOUT_MS });
  if (code === 0) return;
  throw new AgentError({
    code: "E_DNS_SERVERS",
    message: `resolvectl ${args.join(" ")}: ${stderr.trim()}`,
    path: "host.dns",
  });
}

/** `null` where there is none. One that cannot be read is taken for empty: names hold nobody back. */
async function textOf(file: string): Promise<string | null> {
  try {
    return new TextDecoder().decode(await readFileBounded(file, MAX_BYTES));
  } catch (error) {
    return problemOf(error).code === "E_FILE_MISSING" ? null : "";
  }
}
