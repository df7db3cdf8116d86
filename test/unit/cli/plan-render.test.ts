import { describe, expect, test } from "vitest";
import { renderPlan } from "../../../agent/cli/network/plan-render.ts";
import { leftAlone } from "../../../agent/network/left-alone.ts";
import { plan } from "../../../agent/network/plan.ts";
import { readCase } from "../network/cases.ts";

function shown(name: string): string {
  const { target, observed } = readCase(name);
  return renderPlan(plan(target, observed), [], leftAlone(target, observed), false);
}

describe("a plan for people", () => {
  test("shows by object what is and what will be, and at what risk", () => {
    expect(shown("vlan-added")).toBe(
      [
        "1 step; at worst: may cut the management path for a moment.",
        "",
        "port bond0",
        "  ~ VLANs in the trunk   100, 110 -> 100, 105, 110",
        "     (may cut the management path for a moment)",
        "",
      ].join("\n"),
    );
  });

  test("warns of a net and of a route that are new here: whoever is logged in from there is answered another way", () => {
    expect(shown("net-and-route-added")).toBe(
      [
        "3 steps; at worst: may cut the management path for a moment.",
        "",
        "device mgmt0",
        "  + address 10.1.0.18/24 on mgmt0",
        "  + address 10.50.0.17/16 on mgmt0  (may cut the management path for a moment)",
        "  + route 10.60.0.0/16 via 10.1.0.99 on mgmt0  (may cut the management path for a moment)",
        "",
      ].join("\n"),
    );
  });

  test("says that nothing is to be done, and what is there and not ours", () => {
    expect(shown("foreign-port-on-our-bridge")).toBe(
      [
        "Nothing to do: the network is as configured.",
        "",
        "Not ours, and left alone:",
        "  port tap-monitor on br-uplink",
        "",
      ].join("\n"),
    );
  });

  test("of a new host is harmless, and has a group for everything that is made", () => {
    const text = shown("fresh-host");
    expect(text).toContain("at worst: nothing stops.");
    for (const object of ["bridge br-uplink", "port bond0", "Open vSwitch", "device mgmt0"])
      expect(text.split("\n")).toContain(object);
    expect(text).toContain("  ~ em1 speaks no IPv6\n");
  });
});
