import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, encode } from "../../../agent/controller/codec.ts";
import type { Health, Report } from "../../../agent/controller/messages.ts";
import { formatUid, toHex, uuidV7 } from "../../../agent/controller/uid.ts";
import { AgentError } from "../../../agent/core/errors.ts";
import { generateMessages, MESSAGES_FILE } from "../../../packaging/proto.ts";
import { readReport, withHeader, writeAnswer } from "../../controller/schema.ts";

const uid = "0192d0c400007000800000000000abcd";
const uidBytes = Buffer.from(uid, "hex");
const hash = "c0ffee";

function refusalOf(message: Uint8Array): string {
  try {
    decode(message);
    return "taken";
  } catch (error) {
    return error instanceof AgentError ? error.code : String(error);
  }
}

describe("the generated messages", () => {
  it("are what buf makes of opamp.proto (if not: node packaging/proto.ts)", async () => {
    expect(readFileSync(MESSAGES_FILE, "utf8")).toBe(await generateMessages());
  });
});

describe("what the agent writes, read by another library from another schema", () => {
  it("is the whole report, under the field numbers of the specification", () => {
    const health: Health = {
      healthy: false,
      status: "degraded",
      error: "em2 is down",
      startedAt: 1_795_000_000_123,
      children: {
        network: { healthy: true, status: "enforce", children: { bond0: { healthy: true, status: "active em1" } } },
      },
    };
    const report: Report = {
      uid,
      sequence: 7,
      description: { identifying: { "service.name": "devcloud-agent" }, nonIdentifying: { "os.type": "linux" } },
      health,
      healthAt: 1_795_000_001_000,
      effective: "version: 1\n",
      remote: { hash, status: "failed", error: "rolled back" },
    };
    expect(readReport(encode(report))).toEqual({
      instanceUid: uidBytes.toString("base64"),
      sequenceNum: "7",
      capabilities: String(0x1 + 0x2 + 0x4 + 0x800 + 0x1000 + 0x2000),
      agentDescription: {
        identifyingAttributes: [{ key: "service.name", value: { stringValue: "devcloud-agent" } }],
        nonIdentifyingAttributes: [{ key: "os.type", value: { stringValue: "linux" } }],
      },
      health: {
        status: "degraded",
        lastError: "em2 is down",
        startTimeUnixNano: "1795000000123000000",
        statusTimeUnixNano: "1795000001000000000",
        componentHealthMap: {
          network: {
            healthy: true,
            status: "enforce",
            statusTimeUnixNano: "1795000001000000000",
            componentHealthMap: {
              bond0: { healthy: true, status: "active em1", statusTimeUnixNano: "1795000001000000000" },
            },
          },
        },
      },
      effectiveConfig: {
        configMap: {
          configMap: { "": { body: Buffer.from("version: 1\n").toString("base64"), contentType: "text/yaml" } },
        },
      },
      remoteConfigStatus: {
        lastRemoteConfigHash: Buffer.from(hash, "hex").toString("base64"),
        status: "FAILED",
        errorMessage: "rolled back",
      },
    });
  });

  it("is a heartbeat of a few bytes when nothing changed", () => {
    const heartbeat = encode({ uid, sequence: 8 });
    expect(heartbeat.length).toBeLessThan(30);
    expect(Object.keys(readReport(heartbeat))).toEqual(["instanceUid", "sequenceNum", "capabilities"]);
  });

  it("says every status by its number, and goodbye", () => {
    const statuses = (["applied", "applying", "failed"] as const).map(
      (status) => readReport(encode({ uid, sequence: 1, remote: { hash, status } })).remoteConfigStatus,
    );
    expect(statuses).toMatchObject([{ status: "APPLIED" }, { status: "APPLYING" }, { status: "FAILED" }]);
    expect(readReport(encode({ uid, sequence: 1, goodbye: true }))).toMatchObject({ agentDisconnect: {} });
  });
});

describe("what a controller writes with another library", () => {
  it("is read: a configuration, a flag, a new id", () => {
    const configMap = { "50-controller.yaml": { body: Buffer.from("version: 1"), contentType: "text/yaml" } };
    const newInstanceUid = Buffer.alloc(16, 5);
    const message = writeAnswer({
      instanceUid: uidBytes,
      remoteConfig: { configHash: Buffer.from(hash, "hex"), config: { configMap } },
      flags: 1,
      capabilities: 7,
      agentIdentification: { newInstanceUid },
    });
    const { offer, ...rest } = decode(message);
    expect(rest).toEqual({ uid, fullState: true, newUid: newInstanceUid.toString("hex") });
    expect(offer?.hash).toBe(hash);
    expect(Buffer.from(offer?.files["50-controller.yaml"] ?? []).toString()).toBe("version: 1");
  });

  it("is an error and nothing else when it has an error", () => {
    const message = writeAnswer({
      instanceUid: uidBytes,
      errorResponse: { type: "Unavailable", errorMessage: "later", retryInfo: { retryAfterNanoseconds: 45e9 } },
      remoteConfig: { configHash: Buffer.from(hash, "hex") },
      flags: 1,
    });
    expect(decode(message)).toEqual({ uid, error: { unavailable: true, message: "later", retryAfterMs: 45_000 } });
  });

  it("moves no cursor and hides nothing in an error's text, which people read in a terminal", () => {
    const errorMessage = "\u001b[2Jall\nis \u202ewell\u0007";
    expect(decode(writeAnswer({ instanceUid: uidBytes, errorResponse: { errorMessage } })).error?.message).toBe(
      "?[2Jall?is ?well?",
    );
  });

  it("brings no configuration along with a command, which is not taken either", () => {
    const remoteConfig = { configHash: Buffer.from(hash, "hex") };
    expect(decode(writeAnswer({ instanceUid: uidBytes, command: { type: 0 }, remoteConfig }))).toEqual({ uid });
  });

  it("may have fields that the agent does not know", () => {
    const connectionSettings = { hash: uidBytes, opamp: { destinationEndpoint: "wss://elsewhere.example/" } };
    const customMessage = { capability: "x", type: "y", data: Buffer.alloc(1000) };
    expect(decode(writeAnswer({ instanceUid: uidBytes, connectionSettings, customMessage }))).toEqual({ uid });
  });
});

describe("what is no message", () => {
  const good = writeAnswer({ instanceUid: uidBytes, errorResponse: { errorMessage: "x".repeat(50) } });

  it.each([
    ["nothing at all", new Uint8Array()],
    ["a header of 1", Uint8Array.of(1, ...good.subarray(1))],
    ["a header of two bytes", Uint8Array.of(0x80, 0, ...good.subarray(1))],
    ["no header", good.subarray(1)],
    ["a truncated message", good.subarray(0, -10)],
    ["a length beyond the end", Uint8Array.of(0, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x07)],
    ["a varint without end", Uint8Array.of(0, ...Array.from({ length: 40 }, () => 0xff))],
    ["groups 10,000 deep", withHeader(Uint8Array.from({ length: 10_000 }, () => 0xa3))],
    [
      "an id of 15 bytes to be",
      writeAnswer({ instanceUid: uidBytes, agentIdentification: { newInstanceUid: Buffer.alloc(15) } }),
    ],
    ["an id of 10,000 bytes", writeAnswer({ instanceUid: Buffer.alloc(10_000) })],
    [
      "a configuration with a hash of 10,000 bytes, which would be written down",
      writeAnswer({ instanceUid: uidBytes, remoteConfig: { configHash: Buffer.alloc(10_000) } }),
    ],
  ])("is refused: %s", (_name, message) => {
    expect(refusalOf(message)).toBe("E_CONTROLLER_MALFORMED");
  });

  it("is refused or read, and never breaks anything, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(good.length - 1), fc.nat(255), (bytes, at, value) => {
        const mutated = Uint8Array.from(good);
        mutated[at] = value;
        for (const message of [withHeader(bytes), mutated]) {
          expect(["taken", "E_CONTROLLER_MALFORMED"]).toContain(refusalOf(message));
        }
      }),
    );
  });
});

describe("an instance uid", () => {
  it("is a UUIDv7 with its time and its chance", () => {
    const made = uuidV7(0x0192d0c4abcd, new Uint8Array(16).fill(0xff));
    expect(formatUid(made)).toBe("0192d0c4-abcd-7fff-bfff-ffffffffffff");
    expect(toHex(uuidV7(0x0192d0c4abcd, new Uint8Array(16)))).toBe("0192d0c4abcd70008000000000000000");
  });
});
