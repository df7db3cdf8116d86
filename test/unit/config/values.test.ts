import { describe, expect, it } from "vitest";
import { durationMs, isHostName, splitHostPort } from "../../../agent/config/values.ts";

describe("a duration", () => {
  it.each([
    ["0s", 0],
    ["500ms", 500],
    ["120s", 120_000],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["24h", 86_400_000],
  ])("%s is %i ms", (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(["", "30", "s", "-1s", "1.5s", "1e3s", "01s", "1 s", "1S", "1d", "1m30s", "25h", "99999999h", "30s\n"])(
    "is not %j",
    (text) => {
      expect(durationMs(text)).toBeUndefined();
    },
  );
});

describe("HOST:PORT", () => {
  it.each([
    ["10.1.0.5:22", { host: "10.1.0.5", port: 22 }],
    ["[2001:db8::5]:65535", { host: "2001:db8::5", port: 65_535 }],
    ["db.example.net:1", { host: "db.example.net", port: 1 }],
  ])("%s is split", (text, parts) => {
    expect(splitHostPort(text)).toEqual(parts);
  });

  it.each([
    "10.1.0.5",
    ":22",
    "10.1.0.5:",
    "10.1.0.5:0",
    "10.1.0.5:65536",
    "10.1.0.5:022",
    "2001:db8::5:22",
    "[10.1.0.5]:22",
    "[::1]22",
    "[]:22",
    "a b:22",
    "10.1.0.300:22",
    "$(x):22",
    "10.1.0.5:22\n",
  ])("is not %j", (text) => {
    expect(splitHostPort(text)).toBeUndefined();
  });
});

describe("a host name", () => {
  it.each(["a", "cmp07.dc1.example.net", "7up", "xn--bcher-kva.example", "a".repeat(63)])("may be %s", (text) => {
    expect(isHostName(text)).toBe(true);
  });

  it.each([
    "",
    ".",
    "a..b",
    "a.",
    "-a",
    "a-",
    "a_b",
    "10.1.0.1",
    "a b",
    "a;b",
    "$(a)",
    "a\n",
    "a".repeat(64),
    `${"a.".repeat(127)}ab`,
  ])("may not be %j", (text) => {
    expect(isHostName(text)).toBe(false);
  });
});
