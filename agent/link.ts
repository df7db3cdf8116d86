import { randomBytes } from "node:crypto";
import { loadSettingsWith } from "./config/load.ts";
import type { Configuration } from "./configuration.ts";
import { Controller } from "./controller/controller.ts";
import type { HostPort } from "./controller/ports.ts";
import type { Session } from "./controller/state.ts";
import { formatUid, fromHex } from "./controller/uid.ts";
import { AgentError, type Problem } from "./core/errors.ts";
import type { Reconciler } from "./core/reconciler.ts";
import { effectiveText } from "./effective.ts";
import type { Events } from "./events.ts";
import { healthOf } from "./health.ts";
import type { Host } from "./host.ts";
import type { Network } from "./network/network.ts";
import { lastGoodOf } from "./network/state.ts";
import { osAttributes } from "./os-attributes.ts";
import type { OsWatch } from "./os-watch.ts";
import { systemClock } from "./system/clock.ts";
import { configFiles, keepBeside, putBack, readFileBounded, removeFile, writeFileAtomic } from "./system/files.ts";
import { hostFacts } from "./system/host-facts.ts";
import { openStateFile } from "./system/state-store.ts";
import { openTransport } from "./system/websocket.ts";
import { version } from "./version.ts";
import type { Status } from "./web/status.ts";

const MAX_FRAGMENT = 1024 * 1024;

export interface LinkParts {
  readonly host: Host;
  readonly network: Network;
  readonly reconciler: Reconciler;
  readonly configuration: Configuration;
  readonly events: Events;
  readonly os: OsWatch;
  readonly reload: () => Promise<void>;
  readonly status: () => Promise<Status>;
}

/** The link of this host to its controller, not running yet. */
export function openLink(parts: LinkParts): Controller {
  const { host, configuration, events } = parts;
  const session = openStateFile<Session>(host.places.controllerSession, (problem) => events.problem(problem));
  return new Controller(
    {
      clock: systemClock,
      random: Math.random,
      randomBytes,
      transport: openTransport(() => configuration.controllerWay),
      session,
      host: hostPort(parts),
      report: (event) => {
        events.tell(event);
        if (event.step === "applied") void configuration.keep().catch((error: unknown) => events.bug(error));
        if ("problem" in event && event.step === "complaint") events.problem(event.problem);
      },
    },
    () => configuration.settings?.controller,
  );
}

function hostPort(parts: LinkParts): HostPort {
  const { host, network, configuration } = parts;
  const { root, controllerFragment } = host.places;
  // A name that no fragment has.
  const kept = `${controllerFragment}.previous`;
  return {
    async describe(uid) {
      const facts = await hostFacts(root);
      const name = configuration.settings?.host.name ?? facts["host.name"] ?? "";
      return {
        identifying: {
          "service.name": "devcloud-agent",
          "service.version": version,
          "service.instance.id": formatUid(fromHex(uid)),
        },
        nonIdentifying: { ...facts, ...osAttributes(parts.os.view), "host.name": name },
      };
    },
    health: async () => healthOf(await parts.status()),
    effective: async () => effectiveText(configuration.merged),
    async validate(text) {
      const result = await loadSettingsWith(root, configFiles, controllerFragment, text);
      if (!result.ok) return result.problems;
      if (!result.leftOut.includes(controllerFragment)) return [];
      return result.warnings.filter(({ file }) => file === controllerFragment);
    },
    fragment: () => textOf(controllerFragment),
    async setFragment(text) {
      await keepBeside(controllerFragment, kept);
      if (text === null) await removeFile(controllerFragment);
      else await writeFileAtomic(controllerFragment, text, 0o600);
    },
    async takeBack(previous) {
      if (previous === null) return await removeFile(controllerFragment);
      if ((await textOf(kept)) === previous) await putBack(kept, controllerFragment);
      else await writeFileAtomic(controllerFragment, previous, 0o600);
    },
    follow: () => follow(parts),
    retry: () => network.ask({ retry: true }),
  };
}

async function textOf(file: string): Promise<string | null> {
  try {
    return new TextDecoder().decode(await readFileBounded(file, MAX_FRAGMENT));
  } catch (error) {
    if (error instanceof AgentError && error.code === "E_FILE_MISSING") return null;
    throw error;
  }
}

/** Reads the configuration again and waits for a pass of the network: it has confirmed the change then, or undone it. */
async function follow({ configuration, reconciler, reload, host }: LinkParts): Promise<Problem | undefined> {
  await reload();
  const [invalid] = configuration.problems;
  if (invalid !== undefined) return invalid;
  await reconciler.pass();
  const { desired } = await configuration.wanted();
  if (desired === undefined || desired.network.mode === "observe") return undefined;
  const lastGood = await lastGoodOf(host.ports.state);
  if (lastGood?.config.hash === desired.hash) return undefined;
  const failed = (await host.ports.state.read("failed"))?.configs.find(({ hash }) => hash === desired.hash);
  if (failed !== undefined) return { code: "E_NETWORK_ROLLED_BACK", message: `rolled back: ${failed.reason}` };
  const [problem] = reconciler.problems;
  return problem ?? { code: "E_CONTROLLER_CONFIG", message: "the network does not follow the configuration" };
}
