import { describe, expect, it } from "vitest";
import { Groups, groupIn } from "../../../collectors/containers/group.ts";
import { fixtureFiles } from "../../fakes/host-files.ts";

const id = "0123456789abcdef".repeat(4);
const scope = `/system.slice/docker-${id}.scope`;

describe("the control group of a container", () => {
  it.each([
    ["by systemd", `0::${scope}\n`, scope],
    ["by Docker itself", `0::/docker/${id}\n`, `/docker/${id}`],
    ["in one of its own making, such as where systemd runs in it", `0::${scope}/init.scope\n`, scope],
    [
      "in every hierarchy of the first version",
      `3:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${id}\n`,
      `/docker/${id}`,
    ],
    ["where the second version is there beside the first", `1:name=systemd:${scope}\n0::/\n`, scope],
    ["below one that somebody chose, also with a colon", `0::/cloud:a/${id}\n`, `/cloud:a/${id}`],
    ["that was removed meanwhile", `0::${scope} (deleted)\n`, scope],
  ])("is the one that bears its identifier: %s", (_how, text, path) => {
    expect(groupIn(text, id)).toBe(path);
  });

  it.each(["", "0::/\n", "0::/user.slice/session-1.scope\n", "garbage\n", `0::${id}`.slice(0, 40)])(
    "is not guessed from what does not bear it: %j",
    (text) => expect(groupIn(text, id)).toBeUndefined(),
  );

  it("is read once for a process, anew for another one, and not remembered when the container is gone", async () => {
    const read: string[] = [];
    const host = fixtureFiles("/nowhere", { "proc/1/cgroup": `0::${scope}`, "proc/2/cgroup": `0::/docker/${id}` });
    const readSlow = (path: string): Promise<string> => {
      read.push(path);
      return host.readSlow(path);
    };
    const groups = new Groups({ ...host, readSlow });
    const asked = async (processes: readonly (readonly [string, number])[]) => [
      ...(await groups.of(new Map(processes))),
    ];
    expect(await asked([[id, 1]])).toEqual([[id, scope]]);
    expect(await asked([[id, 1]])).toEqual([[id, scope]]);
    expect(read).toEqual(["proc/1/cgroup"]);
    expect(await asked([[id, 2]])).toEqual([[id, `/docker/${id}`]]);
    expect(await asked([])).toEqual([]);
    expect(await asked([[id, 3]])).toEqual([]);
  });
});
