import { connect, isIPv6 } from "node:net";
import { problemOf } from "../core/errors.ts";
import type { ProbeResult, Prober, ProbeTarget } from "../core/probe.ts";
import { run } from "./run.ts";

/** Probes of the real network: ARP (or an ICMPv6 echo) for gateways, a new TCP connection for the rest. */
export const prober: Prober = {
  async probe(target, timeoutMs, signal) {
    if (target.kind === "tcp") return tcp(target, timeoutMs, signal);
    // WebSocket is loaded for the few changes that come from a controller, not at the start of the agent.
    if (target.kind === "controller") {
      const { probeController } = await import("./websocket.ts");
      return { target, ...(await probeController(target.way, timeoutMs, signal)) };
    }
    return neighbour(target, timeoutMs, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      const { code, message } = problemOf(error);
      return { target, ok: false, ...(code === "E_TOOL_TIMEOUT" ? {} : { detail: message }) };
    });
  },
};

async function neighbour(
  target: Extract<ProbeTarget, { kind: "gateway" }>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  // ARP needs no answer from the gateway's IP layer, which often drops ICMP; IPv6 has no such tool everywhere.
  const shared = ["-c", "1", "-w", seconds, "-I", target.device, target.address];
  // arping counts in whole seconds; who asked for less gets less.
  const options = { signal, timeoutMs };
  const { code, stderr } = isIPv6(target.address)
    ? await run("ping", ["-6", "-n", ...shared], options)
    : await run("arping", ["-f", ...shared], options);
  if (code === 0) return { target, ok: true };
  const complaint = stderr.trim();
  return { target, ok: false, ...(complaint === "" ? {} : { detail: complaint }) };
}

function tcp(
  target: Extract<ProbeTarget, { kind: "tcp" }>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeResult>();
  if (signal.aborted) return Promise.reject(signal.reason);
  const socket = connect({ host: target.host, port: target.port, signal });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer in ${timeoutMs} ms`)));
  socket.once("connect", () => {
    socket.destroy();
    resolve({ target, ok: true });
  });
  socket.once("error", (error) => {
    if (signal.aborted) reject(signal.reason);
    else resolve({ target, ok: false, detail: error.message });
  });
  return promise;
}
