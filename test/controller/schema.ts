import protobuf from "protobufjs";

/*
 * OpAMP's messages a second time, for the other end of the line: written for tests from the specification and read by another
 * library than the agent's, so that a mistake in the one is seen by the other. With real enumerations and with what the agent skips.
 */
const root = protobuf.parse(`
syntax = "proto3";
message AgentToServer {
  bytes instance_uid = 1; uint64 sequence_num = 2; AgentDescription agent_description = 3; uint64 capabilities = 4;
  ComponentHealth health = 5; EffectiveConfig effective_config = 6; RemoteConfigStatus remote_config_status = 7;
  AgentDisconnect agent_disconnect = 9; uint64 flags = 10; CustomMessage custom_message = 13;
}
message ServerToAgent {
  bytes instance_uid = 1; ServerErrorResponse error_response = 2; AgentRemoteConfig remote_config = 3;
  ConnectionSettingsOffers connection_settings = 4; uint64 flags = 6; uint64 capabilities = 7;
  AgentIdentification agent_identification = 8; ServerToAgentCommand command = 9; CustomMessage custom_message = 11;
}
message AgentDisconnect {}
message AgentDescription { repeated KeyValue identifying_attributes = 1; repeated KeyValue non_identifying_attributes = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
  ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message ComponentHealth { bool healthy = 1; fixed64 start_time_unix_nano = 2; string last_error = 3; string status = 4;
  fixed64 status_time_unix_nano = 5; map<string, ComponentHealth> component_health_map = 6; }
message EffectiveConfig { AgentConfigMap config_map = 1; }
message AgentConfigMap { map<string, AgentConfigFile> config_map = 1; }
message AgentConfigFile { bytes body = 1; string content_type = 2; }
message AgentRemoteConfig { AgentConfigMap config = 1; bytes config_hash = 2; }
enum RemoteConfigStatuses { UNSET = 0; APPLIED = 1; APPLYING = 2; FAILED = 3; }
message RemoteConfigStatus { bytes last_remote_config_hash = 1; RemoteConfigStatuses status = 2; string error_message = 3; }
enum ServerErrorResponseType { Unknown = 0; BadRequest = 1; Unavailable = 2; }
message ServerErrorResponse { ServerErrorResponseType type = 1; string error_message = 2; RetryInfo retry_info = 3; }
message RetryInfo { uint64 retry_after_nanoseconds = 1; }
message AgentIdentification { bytes new_instance_uid = 1; }
enum CommandType { Restart = 0; }
message ServerToAgentCommand { CommandType type = 1; }
message ConnectionSettingsOffers { bytes hash = 1; OpAMPConnectionSettings opamp = 2; }
message OpAMPConnectionSettings { string destination_endpoint = 1; }
message CustomMessage { string capability = 1; string type = 2; bytes data = 3; }
`).root;

const agentToServer = root.lookupType("AgentToServer");
const serverToAgent = root.lookupType("ServerToAgent");

/** Plain values of a message; names in camelCase, 64-bit numbers and bytes as text (decimal, base64). */
export interface Plain {
  readonly [field: string]: unknown;
}

/** Reads what an agent sent. Throws if it is no message with its header. */
export function readReport(message: Uint8Array): Plain {
  if (message[0] !== 0) throw new Error(`the header is ${message[0]}`);
  const read = agentToServer.decode(message.subarray(1));
  return agentToServer.toObject(read, { longs: String, enums: String, bytes: String });
}

/** Writes what a controller says; bytes as Uint8Array, enumerations by name. */
export function writeAnswer(answer: Plain): Uint8Array {
  return withHeader(serverToAgent.encode(serverToAgent.fromObject(answer)).finish());
}

export function withHeader(body: Uint8Array): Uint8Array {
  return Uint8Array.of(0, ...body);
}
