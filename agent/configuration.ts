import { join } from "node:path";
import type { Accepted, Loaded, Refused } from "./config/load.ts";
import type { Settings, Timing } from "./config/settings.ts";
import { defaultTiming } from "./config/timing.ts";
import type { Problem } from "./core/errors.ts";
import type { ControllerWay, ProbeTarget } from "./core/probe.ts";
import { type KeptConfiguration, openKeptConfiguration } from "./kept-configuration.ts";
import { partOfHost } from "./network/desired.ts";
import type { Wanted } from "./network/wanted.ts";
import { configFiles, writeFileAtomic } from "./system/files.ts";
import type { Places } from "./system/places.ts";
import type { InForce } from "./web/status.ts";

export interface ConfigurationOptions {
  readonly onProblem: (problem: Problem) => void;
  /** Whether what is read was sent by the controller, and is on trial. */
  readonly applying: () => Promise<boolean>;
  /** What is to be read in the place of the controller's fragment, which failed and could not be taken back yet. */
  readonly takeBack: () => Promise<{ readonly previous: string | null } | undefined>;
  /** Whether this host has a last good network. */
  readonly hasLastGood: () => Promise<boolean>;
}

/**
 * The configuration of a running daemon: read when first needed, read again on request. An invalid one replaces nothing, also
 * not over a restart; its problems are kept to be told.
 */
export class Configuration {
  readonly #places: Places;
  readonly #options: ConfigurationOptions;
  readonly #kept: KeptConfiguration;
  #loading: Promise<void> | undefined;
  /** The last valid one that was read from its fragments. */
  #loaded: Loaded | undefined;
  #settings: Settings | undefined;
  #inForce: InForce = "none";
  #hash = "";
  #merged: unknown = {};
  #confirmAlso: readonly ProbeTarget[] = [];
  #problems: readonly Problem[] = [];
  #takingBack: Problem | undefined;

  constructor(places: Places, options: ConfigurationOptions) {
    this.#places = places;
    this.#options = options;
    this.#kept = openKeptConfiguration(places.keptConfiguration, options.onProblem);
  }

  get timing(): Timing {
    return this.#settings?.timing ?? defaultTiming;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  /** That the configuration is invalid, why, and which settings are in force instead. */
  get notice(): Problem | undefined {
    const [first] = this.#problems;
    if (first === undefined || this.#inForce === "written") return undefined;
    const { file, line } = first;
    const place = file === undefined ? "" : ` (${file}${line === undefined ? "" : `:${line}`})`;
    return {
      code: "E_CONFIG_INVALID",
      message: `the configuration is invalid, and ${INSTEAD[this.#inForce]}: ${first.message}${place}`,
      hint: "devcloud-agent check-config tells everything that is wrong; after mending it: systemctl reload devcloud-agent",
    };
  }

  get settings(): Settings | undefined {
    return this.#settings;
  }

  /** The configuration in force as it was written, all fragments together. */
  get merged(): unknown {
    return this.#merged;
  }

  /** How to get to the controller; absent where there is none. */
  get controllerWay(): ControllerWay | undefined {
    const { controller } = this.#settings ?? {};
    if (controller === undefined || controller.endpoints.length === 0) return undefined;
    const { endpoints, tls, proxy } = controller;
    const files = Object.entries(tls).map(([name, path]) => [name, join(this.#places.root, path)] as const);
    return { endpoints, tls: Object.fromEntries(files), ...(proxy === undefined ? {} : { proxy }) };
  }

  /** What the network capability asks at every pass. */
  async wanted(): Promise<Wanted> {
    if (this.#loading === undefined) await this.load();
    else await this.#loading;
    const { network, host } = this.#settings ?? {};
    return {
      ...(network === undefined ? {} : { desired: { network, hash: this.#hash, ...partOfHost(host) } }),
      problems: [this.notice, this.#takingBack, ...this.#problems].filter((each) => each !== undefined),
      timing: this.timing,
      confirmAlso: this.#confirmAlso,
    };
  }

  /** Reads the configuration (again). Never rejects: what is wrong is in `problems` afterwards. */
  async load(): Promise<void> {
    this.#loading = this.#load();
    await this.#loading;
  }

  /**
   * Keeps a valid configuration for a later start with an invalid one. Apart from `load`, because READY must not wait for the disk;
   * one that is on trial is not good yet.
   */
  async keep(): Promise<void> {
    const loaded = this.#loaded;
    if (this.#inForce !== "written" || loaded === undefined || (await this.#options.applying())) return;
    await this.#kept.write(loaded);
  }

  async #load(): Promise<void> {
    const { loadSettings, loadSettingsWith } = await import("./config/load.ts");
    const { root, controllerFragment } = this.#places;
    const back = await this.#options.takeBack();
    this.#takingBack = back && notTakenBack(controllerFragment);
    const result =
      back === undefined
        ? await loadSettings(root, configFiles)
        : await loadSettingsWith(root, configFiles, controllerFragment, back.previous);
    for (const warning of result.warnings) this.#options.onProblem(warning);
    if (!result.ok) {
      await this.#refuse(result);
      return;
    }
    this.#loaded = result;
    await this.#use(result, "written");
    this.#problems = [];
    // A change that the controller sent must leave the controller reachable, or nobody there could take it back.
    const way = (await this.#options.applying()) ? this.controllerWay : undefined;
    this.#confirmAlso = way === undefined ? [] : [{ kind: "controller", way }];
    await this.#renderDockerGate(result.settings);
  }

  async #refuse({ problems, alone }: Refused): Promise<void> {
    const before = this.#settings === undefined ? await this.#kept.read() : undefined;
    if (before !== undefined) await this.#use(before, "last-good");
    else if (this.#inForce === "written") this.#inForce = "last-good";
    // Only a host that has no network to keep begins with what may be half of what was meant.
    const without = this.#settings?.network === undefined || this.#inForce === "network-alone";
    if (without && alone !== undefined && !(await this.#options.hasLastGood().catch(() => true))) {
      await this.#use(alone, "network-alone");
    }
    this.#problems = problems;
    if (this.notice !== undefined) this.#options.onProblem(this.notice);
  }

  async #use({ settings, merged, networkHash }: Accepted, inForce: InForce): Promise<void> {
    const { hashOf } = await import("./config/hash.ts");
    this.#settings = settings;
    this.#merged = merged;
    this.#hash = hashOf({ network: networkHash, ...partOfHost(settings.host) });
    this.#inForce = inForce;
  }

  /** The gate of Docker is plain shell and reads its rules from a file of its own. */
  async #renderDockerGate({ dockerGate }: Settings): Promise<void> {
    const seconds = Math.ceil(dockerGate.holdMs / 1000);
    const text = `DEVCLOUD_GATE_HOLD_SECONDS=${seconds}\nDEVCLOUD_GATE_THEN=${dockerGate.then}\n`;
    await writeFileAtomic(this.#places.dockerGate, text, 0o644).catch(() => {
      this.#options.onProblem({
        code: "E_FILE_IO",
        message: `the rules of Docker's gate could not be written`,
        file: this.#places.dockerGate,
      });
    });
  }
}

function notTakenBack(file: string): Problem {
  return {
    code: "E_CONTROLLER_TAKE_BACK",
    message:
      "a configuration of the controller failed and could not be taken back: it still lies there, and is not in force",
    file,
    hint: "It is tried again and again. Is the disk read-only or broken? dmesg, df",
  };
}

const INSTEAD = {
  "last-good": "the last good one stays in force",
  "network-alone": "only its network is used; everything else is at its default, or closed",
  none: "no good one is known: the network stays as it was, and everything else is at its default, or closed",
} as const satisfies Record<Exclude<InForce, "written">, string>;
