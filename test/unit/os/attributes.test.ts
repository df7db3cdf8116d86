import { describe, expect, it } from "vitest";
import { parseRpmOstree } from "../../../agent/os/rpm-ostree.ts";
import { osAttributes } from "../../../agent/os-attributes.ts";
import { answers } from "./answers.ts";

describe("what a controller is told of the deployments", () => {
  it("is nothing before they were looked at, and why there are none", () => {
    expect(osAttributes({ state: "unknown" })).toEqual({});
    expect(osAttributes({ state: "absent", reason: "this host has no ostree deployments" })).toEqual({
      "os.deployments": "none",
      "os.deployments_reason": "this host has no ostree deployments",
    });
    expect(osAttributes({ state: "known", deployments: { source: "ostree", deployments: [] } })).toEqual({
      "os.deployments": "none",
      "os.deployments_reason": "ostree lists none",
    });
  });

  it("is version and checksum of what runs, what is next and what one can go back to; nothing of one that is only kept", () => {
    const deployments = parseRpmOstree(answers.idle);
    expect(osAttributes({ state: "known", deployments })).toEqual({
      "os.deployment.booted.checksum": "b".repeat(64),
      "os.deployment.booted.version": "44.2",
      "os.deployment.rollback.checksum": "a".repeat(64),
      "os.deployment.rollback.version": "44.1",
      "os.deployment.staged.checksum": "c".repeat(64),
      "os.deployment.staged.version": "44.3",
    });
  });

  it("has no version where the tool gave none", () => {
    const { source, deployments } = parseRpmOstree(answers.idle);
    const bare = deployments.map(({ version: _none, ...deployment }) => deployment);
    const attributes = osAttributes({ state: "known", deployments: { source, deployments: bare } });
    expect(Object.keys(attributes).filter((name) => name.endsWith(".version"))).toEqual([]);
  });
});
