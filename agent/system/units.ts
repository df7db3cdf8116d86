import { existsSync } from "node:fs";
import { join } from "node:path";
import { containerOf, type Unit } from "../containers/observed.ts";
import type { UnitsPort } from "../containers/ports.ts";
import { AgentError } from "../core/errors.ts";
import { run } from "./run.ts";

const properties = ["Id", "LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "NRestarts"];

/** Kolla's units by systemctl, which speaks to systemd over D-Bus. A host without systemd has none. */
export function openUnits(root: string, callTimeoutMs: () => number): UnitsPort {
  const booted = join(root, "run/systemd/system");
  return {
    async observe(names, signal) {
      if (!existsSync(booted)) return new Map();
      // The pattern finds those that are loaded, such as a unit whose container is gone; the names load the others.
      const args = ["show", `--property=${properties.join(",")}`, "--", "kolla-*-container.service", ...names];
      try {
        const { code, stdout } = await run("systemctl", args, { signal, timeoutMs: callTimeoutMs() });
        return code === 0 ? unitsOf(stdout) : "unknown";
      } catch (error) {
        if (signal.aborted) throw error;
        return "unknown";
      }
    },
    async restart(unit, timeoutMs, signal) {
      // A unit that has used up its starts is refused another one until its failure is forgotten.
      for (const args of [
        ["reset-failed", unit],
        ["restart", unit],
      ]) {
        const { code, stderr } = await run("systemctl", args, { signal, timeoutMs });
        if (code === 0 || args[0] === "reset-failed") continue;
        throw new AgentError({ code: "E_UNIT_FAILED", message: `systemctl restart ${unit}: ${stderr.trim()}` });
      }
    },
  };
}

/** What `systemctl show` prints: one block a unit, `Key=value` lines, blocks apart by an empty line. */
export function unitsOf(text: string): ReadonlyMap<string, Unit> {
  const units = new Map<string, Unit>();
  for (const block of text.split("\n\n")) {
    const values = new Map(
      block.split("\n").map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]),
    );
    const unit = values.get("Id") ?? "";
    const container = containerOf(unit);
    if (container === undefined || values.get("LoadState") !== "loaded") continue;
    units.set(container, {
      unit,
      active: values.get("ActiveState") ?? "",
      sub: values.get("SubState") ?? "",
      result: values.get("Result") ?? "",
      enabled: values.get("UnitFileState") === "enabled",
      restarts: Number(values.get("NRestarts")) || 0,
    });
  }
  return units;
}
