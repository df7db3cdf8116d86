import { hashOf } from "../config/hash.ts";
import { type LoadResult, loadSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import { defaultTiming } from "../config/timing.ts";
import { AgentError, type Problem } from "../core/errors.ts";
import { type Host, openHost } from "../host.ts";
import { type NetworkConfig, partOfHost } from "../network/desired.ts";
import type { NetworkEvent } from "../network/ports.ts";
import { configFiles } from "../system/files.ts";

export interface SessionOptions {
  readonly root: string;
  readonly program: string;
  readonly signal: AbortSignal;
  readonly report?: (event: NetworkEvent) => void;
  readonly onProblem?: (problem: Problem) => void;
  /** For commands that touch nothing. */
  readonly looksOnly?: boolean;
}

/** This host with its configuration, for the length of one command. */
export interface Session extends AsyncDisposable {
  readonly host: Host;
  readonly settings: Settings;
  readonly desired: Omit<NetworkConfig, "revision">;
  readonly signal: AbortSignal;
}

/** The configuration is not valid: all that is wrong with it, for the printer of problems. */
export class InvalidConfig extends AgentError {
  readonly result: LoadResult & { ok: false };

  constructor(result: LoadResult & { ok: false }) {
    super(result.problems[0] ?? { code: "E_INTERNAL", message: "refused without a reason" });
    this.result = result;
  }
}

/** Throws InvalidConfig and E_CONFIG_NO_NETWORK. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { root, program, signal, report, onProblem, looksOnly } = options;
  const result = await loadSettings(root, configFiles);
  if (!result.ok) throw new InvalidConfig(result);
  const { network, host: named, timing } = result.settings;
  if (network === undefined) throw noNetwork();
  const host = await openHost({
    root,
    program,
    timing: { ...defaultTiming, ...timing },
    report: report ?? (() => undefined),
    onProblem: onProblem ?? (() => undefined),
    looksOnly: looksOnly ?? false,
  });
  const hash = hashOf({ network: result.networkHash, ...partOfHost(named) });
  return {
    host,
    settings: result.settings,
    desired: { network, hash, ...partOfHost(named) },
    signal,
    async [Symbol.asyncDispose]() {
      host.close();
    },
  };
}

function noNetwork(): AgentError {
  return new AgentError({
    code: "E_CONFIG_NO_NETWORK",
    message: "the configuration of this host has no network",
    hint: "Add a `network` section: /usr/share/doc/devcloud-agent/host.yaml is a commented example.",
  });
}
