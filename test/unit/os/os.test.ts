import { describe, expect, it } from "vitest";
import { OperatingSystem } from "../../../agent/os/os.ts";
import type { Answer, DeploymentTools, Stamp } from "../../../agent/os/ports.ts";
import { answers, checksums } from "./answers.ts";

const [, , c] = checksums;
const bootedAt = 1_000_000;

/** The port, filled by hand: what the host says now, and how often it was asked. */
class Tools implements DeploymentTools {
  stampNow: Stamp | undefined = { text: "1", writtenAt: bootedAt - 1 };
  answer: Answer | undefined | Error = { tool: "rpm-ostree", text: answers.today };
  asked = 0;
  async stamp() {
    return this.stampNow;
  }
  async read() {
    this.asked += 1;
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }
  bootedAt() {
    return bootedAt;
  }
  says(text: string, stamp: string, writtenAt: number) {
    this.answer = { tool: "rpm-ostree", text };
    this.stampNow = { text: stamp, writtenAt };
  }
}

function host() {
  const tools = new Tools();
  const os = new OperatingSystem(tools);
  const pass = () => os.reconcile(new AbortController().signal, () => undefined);
  return { tools, os, pass };
}

describe("the operating system", () => {
  it("is absent on a host without deployments, which is no problem and is said", async () => {
    const { tools, os, pass } = host();
    expect(os.view).toEqual({ state: "unknown" });
    tools.stampNow = undefined;
    expect(await pass()).toEqual({ state: "observing", problems: [] });
    expect(os.view).toEqual({ state: "absent", reason: "this host has no ostree deployments" });
    expect(tools.asked).toBe(0);
  });

  it("is a problem where deployments are and no tool is", async () => {
    const { tools, pass } = host();
    tools.answer = undefined;
    expect((await pass()).problems.map(({ code }) => code)).toEqual(["E_OS_NO_TOOL"]);
  });

  it("is asked once, and again when the list of deployments was written", async () => {
    const { tools, os, pass } = host();
    tools.says(answers.fallback, "1", bootedAt + 1);
    for (let round = 0; round < 5; round += 1) await pass();
    expect(tools.asked).toBe(1);
    tools.says(answers["2017"], "2", bootedAt + 1);
    await pass();
    expect(tools.asked).toBe(2);
    expect(os.view).toMatchObject({ state: "known", deployments: { deployments: [{ version: "7.1707" }, {}] } });
  });

  it("is asked at every pass while a transaction runs, because nothing is written when it ends", async () => {
    const { tools, os, pass } = host();
    await pass();
    expect(os.view).toMatchObject({ deployments: { transaction: "upgrade" } });
    tools.answer = { tool: "rpm-ostree", text: answers.idle };
    await pass();
    expect(os.view).toMatchObject({ state: "known" });
    expect(os.view).not.toHaveProperty("deployments.transaction");
    await pass();
    expect(tools.asked).toBe(2);
  });

  it("that waits locked did not fall back, also by the words of a newer ostree", async () => {
    const { tools, pass } = host();
    const [a = "", b = ""] = checksums;
    const text = `  devcloud ${b}.0 (finalization locked)\n* devcloud ${a}.0\n`;
    tools.answer = { tool: "ostree", text };
    expect(await pass()).toEqual({ state: "observing", problems: [] });
  });

  it("keeps its last answer when the tool fails, and asks again", async () => {
    const { tools, os, pass } = host();
    await pass();
    const known = os.view;
    tools.says("garbage", "2", bootedAt + 1);
    await expect(pass()).rejects.toMatchObject({ code: "E_OS_STATUS" });
    tools.answer = new Error("time-out");
    await expect(pass()).rejects.toThrow("time-out");
    expect(os.view).toBe(known);
    expect(tools.asked).toBe(3);
    tools.says(answers.none, "2", bootedAt + 1);
    await pass();
    expect(os.view).toEqual({ state: "known", deployments: { source: "rpm-ostree", deployments: [] } });
  });

  it("fell back if what comes first was there before this boot, and says so until that one is gone", async () => {
    const { tools, os, pass } = host();
    tools.says(answers.fallback, "1", bootedAt - 60_000);
    const { state, problems } = await pass();
    expect(state).toBe("degraded");
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ["E_OS_FALLBACK", expect.stringContaining("cccccccccccc")],
    ]);
    expect(os.view).toMatchObject({ fellBackFrom: c });
    // Something was written since (a pin): the list is newer than the boot, and the fact remains.
    tools.says(answers.fallback, "2", bootedAt + 60_000);
    expect((await pass()).problems).toHaveLength(1);
    tools.says(answers["2017"], "3", bootedAt + 120_000);
    expect((await pass()).problems).toEqual([]);
    expect(os.view).not.toHaveProperty("fellBackFrom");
  });

  it("did not fall back if the update was deployed in this boot and waits, or if nothing is booted", async () => {
    const { tools, pass } = host();
    tools.says(answers.fallback, "1", bootedAt + 1);
    expect((await pass()).problems).toEqual([]);
    tools.says(answers.nothingBooted, "2", bootedAt - 1);
    expect((await pass()).problems).toEqual([]);
  });
});
