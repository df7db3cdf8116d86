import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AgentError } from "../core/errors.ts";
import type { Answer, Health, Report, ServerError } from "./messages.ts";
import {
  AgentToServerSchema,
  type ComponentHealthSchema,
  type KeyValueSchema,
  type ServerErrorResponse,
  type ServerToAgent,
  ServerToAgentSchema,
} from "./proto/opamp_pb.ts";
import { fromHex, toHex } from "./uid.ts";
import { AGENT_CAPABILITIES, ERROR_TYPE, REMOTE_STATUS, REPORT_FULL_STATE, UID_BYTES } from "./values.ts";

/** Before each message stands a header, a varint that must be 0 (specification, "WebSocket Message Format"). */
const HEADER = 0;

/** The digests of today have 64 at most, twice as many when they are sent as text. */
const MAX_HASH_BYTES = 256;

/** One message of ours, with its header. */
export function encode(report: Report): Uint8Array {
  const { description, health, effective, remote } = report;
  const body = toBinary(
    AgentToServerSchema,
    create(AgentToServerSchema, {
      instanceUid: fromHex(report.uid),
      sequenceNum: BigInt(report.sequence),
      capabilities: AGENT_CAPABILITIES,
      ...(description && {
        agentDescription: {
          identifyingAttributes: attributes(description.identifying),
          nonIdentifyingAttributes: attributes(description.nonIdentifying),
        },
      }),
      ...(health && { health: healthOf(health, report.healthAt ?? 0) }),
      ...(effective !== undefined && {
        effectiveConfig: {
          configMap: { configMap: { "": { body: new TextEncoder().encode(effective), contentType: "text/yaml" } } },
        },
      }),
      ...(remote && {
        remoteConfigStatus: {
          lastRemoteConfigHash: fromHex(remote.hash),
          status: REMOTE_STATUS[remote.status],
          errorMessage: remote.error ?? "",
        },
      }),
      ...(report.goodbye && { agentDisconnect: {} }),
    }),
  );
  const message = new Uint8Array(body.length + 1);
  message[0] = HEADER;
  message.set(body, 1);
  return message;
}

function attributes(values: Readonly<Record<string, string>>): MessageInitShape<typeof KeyValueSchema>[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: { value: { case: "stringValue" as const, value } },
  }));
}

function healthOf(health: Health, atMs: number): MessageInitShape<typeof ComponentHealthSchema> {
  const children = Object.entries(health.children ?? {}).map(([name, child]) => [name, healthOf(child, atMs)] as const);
  return {
    healthy: health.healthy,
    status: health.status,
    lastError: health.error ?? "",
    startTimeUnixNano: nanos(health.startedAt ?? 0),
    statusTimeUnixNano: nanos(atMs),
    componentHealthMap: Object.fromEntries(children),
  };
}

function nanos(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n;
}

/**
 * One message of a controller. Whatever arrives, it ends with an answer or this error; the library bounds the depth.
 *
 * @throws AgentError E_CONTROLLER_MALFORMED
 */
export function decode(message: Uint8Array): Answer {
  // ogo's server takes frames without the header as well; a controller that leaves it out is not one that we know.
  if (message[0] !== HEADER) throw malformed(`the header is ${message[0] ?? "missing"}, not 0`);
  let parsed: ServerToAgent;
  try {
    parsed = fromBinary(ServerToAgentSchema, message.subarray(1), { readUnknownFields: false });
  } catch (error) {
    throw malformed("it is not a ServerToAgent", error);
  }
  return answerOf(parsed);
}

function answerOf(message: ServerToAgent): Answer {
  // Both are written down here, and the second one is remembered fifty times.
  if (message.instanceUid.length > UID_BYTES) throw malformed("the instance_uid is longer than 16 bytes");
  if ((message.remoteConfig?.configHash.length ?? 0) > MAX_HASH_BYTES) throw malformed("the config_hash is too long");
  const uid = toHex(message.instanceUid);
  const { errorResponse, remoteConfig, agentIdentification: identification } = message;
  if (errorResponse !== undefined) return { uid, error: errorOf(errorResponse) };
  // No command is taken from this field; what comes with one has to be ignored (specification, "command").
  if (message.command !== undefined) return { uid };
  const newUid = identification?.newInstanceUid;
  if (newUid !== undefined && newUid.length !== UID_BYTES) throw malformed("the new instance_uid has not 16 bytes");
  const files = Object.entries(remoteConfig?.config?.configMap ?? {}).map(([name, { body }]) => [name, body] as const);
  return {
    uid,
    ...(remoteConfig && { offer: { hash: toHex(remoteConfig.configHash), files: Object.fromEntries(files) } }),
    ...((message.flags & REPORT_FULL_STATE) !== 0n && { fullState: true }),
    ...(newUid && { newUid: toHex(newUid) }),
  };
}

function errorOf({ type, errorMessage, retryInfo }: ServerErrorResponse): ServerError {
  return {
    unavailable: type === ERROR_TYPE.unavailable,
    // It goes to the log and to people's terminals: a megabyte of text, or what moves the cursor, must not.
    message: errorMessage.slice(0, 200).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?"),
    ...(retryInfo && { retryAfterMs: Number(retryInfo.retryAfterNanoseconds / 1_000_000n) }),
  };
}

function malformed(why: string, cause?: unknown): AgentError {
  return new AgentError(
    {
      code: "E_CONTROLLER_MALFORMED",
      message: `the controller sent something that is no OpAMP message: ${why}`,
      hint: "Is this endpoint an OpAMP server?",
    },
    { cause },
  );
}
