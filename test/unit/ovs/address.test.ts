import { type Address, createClient, parseAddress, showAddress } from "node-ovsdb";
import { describe, expect, it } from "vitest";

const tls = { ca: "PEM" };

describe("parseAddress", () => {
  it.each([
    ["unix:/run/openvswitch/db.sock", { path: "/run/openvswitch/db.sock" }],
    ["unix:relative:with:colons", { path: "relative:with:colons" }],
    ["tcp:10.0.0.1:6641", { host: "10.0.0.1", port: 6641 }],
    ["tcp:[2001:db8::1]:6641", { host: "2001:db8::1", port: 6641 }],
    ["tcp:[fe80::1%eth0]:6641", { host: "fe80::1%eth0", port: 6641 }],
    ["ssl:ovsdb.example:6642", { host: "ovsdb.example", port: 6642, tls }],
    ["ssl:[::1]:6642", { host: "::1", port: 6642, tls }],
  ])("reads %s, and showAddress writes it back", (text, address) => {
    expect(parseAddress(text, tls)).toEqual(address);
    expect(showAddress(parseAddress(text, tls))).toBe(text);
  });

  it.each([
    ["tcp:localhost", { host: "localhost", port: 6640 }],
    ["ssl:[::1]", { host: "::1", port: 6640, tls }],
  ])("gives %s the port of OVSDB", (text, address) => {
    expect(parseAddress(text, tls)).toEqual(address);
  });

  it.each([
    "",
    "unix",
    "unix:",
    "/run/openvswitch/db.sock",
    "tcp:",
    "tcp:host:",
    "tcp:host:0",
    "tcp:host:65536",
    "tcp:host:x",
    "tcp:2001:db8::1",
    "tcp:[2001:db8::1",
    "tcp:[name]:1",
    "ptcp:6640",
    "punix:/run/db.sock",
    "tcp:a:1,tcp:b:2",
    "TCP:a:1",
  ])("refuses %j", (text) => {
    expect(() => parseAddress(text, tls)).toThrow(expect.objectContaining({ kind: "usage" }));
  });

  it("refuses ssl without an authority", () => {
    expect(() => parseAddress("ssl:host:6640")).toThrow(expect.objectContaining({ kind: "usage" }));
  });
});

it.each<[string, Address]>([
  ["tcp:host:70000", { host: "host", port: 70_000 }],
  ["tcp:host:0", { host: "host", port: 0 }],
  ["tcp:host:1.5", { host: "host", port: 1.5 }],
  ["ssl:[::1]:NaN", { host: "::1", port: NaN, tls }],
  ["unix:", { path: "" }],
  ["unix:a\0b", { path: "a\0b" }],
])("%j is refused by createClient, not tried for ever", (text, address) => {
  const message = expect.stringContaining(JSON.stringify(text)) as string;
  expect(() => createClient({ address })).toThrow(expect.objectContaining({ kind: "usage", message }));
});
