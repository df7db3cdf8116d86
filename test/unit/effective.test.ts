import { describe, expect, it } from "vitest";
import { effectiveText } from "../../agent/effective.ts";

describe("the configuration as the controller sees it", () => {
  it("has no secret: no account of a proxy, no environment of a container", () => {
    const text = effectiveText({
      version: 1,
      containers: { restart: ["cron"], manifest: { db: { class: "free", environment: { PASSWORD: "hunter2" } } } },
      controller: { proxy: "http://me:hunter2@proxy.example:3128", tls: { key: "/etc/devcloud-agent/key.pem" } },
    });
    expect(text).not.toContain("hunter2");
    expect(text).toContain("PASSWORD: (left out)");
    expect(text).toContain("class: free");
    expect(text).toContain("proxy.example:3128");
    expect(text).toContain("/etc/devcloud-agent/key.pem");
  });

  it("is the configuration otherwise", () => {
    expect(effectiveText({ version: 1, network: { vlans: { management: 100 } } })).toBe(
      "version: 1\nnetwork:\n  vlans:\n    management: 100\n",
    );
  });
});
