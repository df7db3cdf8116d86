import { describe, expect, it } from "vitest";
import { commandsOf, coveredByCi } from "../../docs/commands.ts";
import { slowLanes } from "../../lanes.ts";

describe("commands of a document", () => {
  it("are the lines of its sh blocks, also in a list, without their comments", () => {
    const text = [
      "- see:",
      "  ```sh",
      "  npm test  # all",
      "",
      "  # only a comment",
      "  ls '#x'",
      "  ```",
      "```text",
      "npm no",
      "```",
    ];
    expect(commandsOf("a.md", text.join("\n")).map(({ line, text: command }) => [line, command])).toEqual([
      [3, "npm test"],
      [6, "ls '#x'"],
    ]);
  });

  it("say by their comment that they fail on purpose, or run until Ctrl-C", () => {
    const text = "```sh\ndevcloud-agent network plan # exits 3, something differs\nnpm run lab # Ctrl-C ends it\n```";
    expect(commandsOf("a.md", text)).toMatchObject([
      { exits: 3, endless: false, place: "host" },
      { exits: 0, endless: true, place: "checkout" },
    ]);
  });

  it("of a block marked boot need a booted machine", () => {
    expect(commandsOf("a.md", "```sh boot\nsystemctl status\n```")).toMatchObject([{ place: "machine" }]);
  });
});

describe("what .ci/run covers", () => {
  it.each(slowLanes)("$command, which `npm test` leaves to it", ({ command }) => {
    expect(coveredByCi(command)).toBeDefined();
  });

  it.each([
    "npm test",
    "npm run ok",
    "npm run ok -- lint types",
    "npm run lab -- demo",
    "npm run chaos -- network --rounds 50",
  ])("%s", (text) => expect(coveredByCi(text)).toBeDefined());

  it.each(["npm run lab", "npm run lab -- down", "npm run build", "npm run format", "npm run chaos -- power"])(
    "not %s",
    (text) => expect(coveredByCi(text)).toBeUndefined(),
  );
});
