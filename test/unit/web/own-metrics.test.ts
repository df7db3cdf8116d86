import { expect, it } from "vitest";
import { Telemetry } from "../../../agent/telemetry.ts";
import { OwnMetrics, type OwnState } from "../../../agent/web/own-metrics.ts";
import { sampleOf } from "../collectors/scrapes.ts";

it("counts what happened before somebody counted, and forgets labels that went away", async () => {
  let time = 0;
  const telemetry = new Telemetry(() => time);
  telemetry.loop("network", { state: "running", since: 0 });
  time = 1_500;
  telemetry.loop("network", { state: "settled", since: 0, outcome: { state: "converged", problems: [] } });
  telemetry.event({ event: "change", step: "rolled-back" });
  telemetry.event({ event: "change", step: "probe" });
  telemetry.event({ event: "failover" });
  let network: OwnState["network"] = { revision: 3, hash: "aa", mode: "enforce" };
  const state = () => ({
    ready: "yes" as const,
    loops: telemetry.states,
    changing: false,
    maintenance: false,
    neighbors: [],
    ...(network && { network }),
  });
  const own = new OwnMetrics("0.1.0", "v24", state);
  telemetry.attach((fact) =>
    fact.fact === "pass" ? own.pass(fact.capability, fact.outcome, fact.seconds) : own.event(fact.event),
  );
  telemetry.event({ event: "failover" });
  const text = await own.text();
  const series = (name: string) => sampleOf(text, `devcloud_${name}`);
  expect(series('reconciler_passes_total{capability="network",outcome="converged"}')).toBe("1");
  expect(series('reconciler_pass_duration_seconds_sum{capability="network"}')).toBe("1.5");
  expect(series('reconciler_state{capability="network",state="settled"}')).toBe("1");
  expect(series('network_changes_total{outcome="rolled-back"}')).toBe("1");
  expect(series('network_changes_total{outcome="confirmed"}')).toBe("0");
  expect(series("network_failovers_total")).toBe("2");
  expect(series('network_config_info{hash="aa",mode="enforce"}')).toBe("1");
  network = undefined;
  expect(await own.text()).not.toContain('hash="aa"');
});

it("tells the rung that the host stands on, and none before it stood anywhere", async () => {
  const idle: OwnState = { ready: "no", loops: new Map(), changing: false, maintenance: false, neighbors: [] };
  let rung: { readonly rung?: number } = {};
  const own = new OwnMetrics("0.1.0", "v24", () => ({ ...idle, ...rung }));
  const shown = async () => sampleOf(await own.text(), "devcloud_network_rung");
  expect(await shown()).toBeUndefined();
  rung = { rung: 2 };
  expect(await shown()).toBe("2");
  rung = { rung: 0 };
  expect(await shown()).toBe("0");
});
