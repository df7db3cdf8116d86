/** Numbers of the specification. Enumerations are plain numbers on the wire; these are the ones that we use. */

/** Bits of AgentToServer.capabilities: what this agent does, and nothing besides. */
export const AGENT_CAPABILITIES: bigint =
  0x1n | // reports its status
  0x2n | // accepts remote configuration
  0x4n | // reports its effective configuration
  0x800n | // reports its health
  0x1000n | // reports what became of a remote configuration
  0x2000n; // sends heartbeats

/** Bit of ServerToAgent.flags: tell everything again. */
export const REPORT_FULL_STATE = 1n;

/** RemoteConfigStatus.status. */
export const REMOTE_STATUS = { unset: 0, applied: 1, applying: 2, failed: 3 } as const;

/** ServerErrorResponse.type. */
export const ERROR_TYPE = { unknown: 0, badRequest: 1, unavailable: 2 } as const;

export const UID_BYTES = 16;
