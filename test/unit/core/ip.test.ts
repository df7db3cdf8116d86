import { isIPv4, isIPv6, SocketAddress } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, formatIp, formatNet, isIn, parseCidr, parseIp } from "../../../agent/core/ip.ts";

const v4 = fc.ipV4();
const v6 = fc.ipV6();
const rubbish = fc.string({ unit: fc.constantFrom(..."0123456789abcdef:./%g "), maxLength: 40 });

describe("addresses", () => {
  it("are taken exactly when the runtime takes them, zones aside", () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6, rubbish), (text) => {
        const family = isIPv4(text) ? 4 : isIPv6(text) && !text.includes("%") ? 6 : undefined;
        expect(parseIp(text)?.family).toBe(family);
      }),
      { numRuns: 2_000 },
    );
  });

  it("are written as the runtime writes them, and read back the same", () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (text) => {
        const ip = parseIp(text);
        if (!ip) throw new Error(text);
        const runtime = new SocketAddress({ address: text, family: ip.family === 4 ? "ipv4" : "ipv6" }).address;
        const written = formatIp(ip);
        expect(parseIp(written)).toEqual(ip);
        // The runtime writes the last 32 bits of a few old forms with dots; we never do.
        if (!(ip.family === 6 && runtime.includes("."))) expect(written).toBe(runtime);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(["010.1.0.1", "1.2.3", "fe80::1%em1", "1:2:3:4:5:6:7::8:9", "::1::", "12345::", ""])(
    "do not include %s",
    (text) => {
      expect(parseIp(text)).toBeUndefined();
    },
  );
});

describe("nets", () => {
  it.each(["10.1.0.0", "10.1.0.0/33", "10.1.0.0/", "10.1.0.0/024", "10.1.0.0/-1", "::/129", "/24"])(
    "are not %s",
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );

  it("contain what shares their prefix, of their family only", () => {
    const net = parseCidr("10.1.0.17/24");
    if (!net) throw new Error("not read");
    const inside = (text: string) => {
      const ip = parseIp(text);
      return ip && contains(net, ip);
    };
    expect(["10.1.0.0", "10.1.0.255", "10.1.1.0", "10.0.255.255", "::a01:1"].map(inside)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(formatNet(net)).toBe("10.1.0.0/24");
  });

  it("may be of any length, zero included", () => {
    fc.assert(
      fc.property(v6, fc.integer({ min: 0, max: 128 }), (text, prefix) => {
        const ip = parseIp(text);
        expect(ip && isIn(ip, `${text}/${prefix}`)).toBe(true);
      }),
    );
  });
});
