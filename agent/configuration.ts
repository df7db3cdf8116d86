import { join } from "node:path";
import type { Settings, Timing } from "./config/settings.ts";
import { defaultTiming } from "./config/timing.ts";
import type { Problem } from "./core/errors.ts";
import type { ControllerWay, ProbeTarget } from "./core/probe.ts";
import type { Wanted } from "./network/network.ts";
import { configFiles, writeFileAtomic } from "./system/files.ts";
import type { Places } from "./system/places.ts";

/**
 * The configuration of a running daemon: read when first needed, read again on request. An invalid one replaces nothing; its
 * problems are kept to be told.
 */
export class Configuration {
  readonly #places: Places;
  readonly #onProblem: (problem: Problem) => void;
  readonly #applying: () => Promise<boolean>;
  #loading: Promise<void> | undefined;
  #settings: Settings | undefined;
  #hash = "";
  #merged: unknown = {};
  #confirmAlso: readonly ProbeTarget[] = [];
  #problems: readonly Problem[] = [];

  /** `applying`: whether what is read was sent by the controller, and is on trial. */
  constructor(places: Places, onProblem: (problem: Problem) => void, applying: () => Promise<boolean>) {
    this.#places = places;
    this.#onProblem = onProblem;
    this.#applying = applying;
  }

  get timing(): Timing {
    return this.#settings?.timing ?? defaultTiming;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
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
    const name = host?.name === undefined ? {} : { hostName: host.name };
    return {
      ...(network === undefined ? {} : { desired: { network, hash: this.#hash, ...name } }),
      problems: this.#problems,
      timing: this.timing,
      confirmAlso: this.#confirmAlso,
    };
  }

  /** Reads the configuration (again). Never rejects: what is wrong is in `problems` afterwards. */
  async load(): Promise<void> {
    this.#loading = this.#load();
    await this.#loading;
  }

  async #load(): Promise<void> {
    const { loadSettings } = await import("./config/load.ts");
    const { hashOf } = await import("./config/hash.ts");
    const result = await loadSettings(this.#places.root, configFiles);
    for (const warning of result.warnings) this.#onProblem(warning);
    if (!result.ok) {
      this.#problems = result.problems;
      return;
    }
    this.#problems = [];
    this.#settings = result.settings;
    this.#merged = result.merged;
    // A change that the controller sent must leave the controller reachable, or nobody there could take it back.
    const way = (await this.#applying()) ? this.controllerWay : undefined;
    this.#confirmAlso = way === undefined ? [] : [{ kind: "controller", way }];
    this.#hash = hashOf({ network: result.networkHash, hostName: result.settings.host.name });
    await this.#renderDockerGate(result.settings);
  }

  /** The gate of Docker is plain shell and reads its rules from a file of its own. */
  async #renderDockerGate({ dockerGate }: Settings): Promise<void> {
    const seconds = Math.ceil(dockerGate.holdMs / 1000);
    const text = `DEVCLOUD_GATE_HOLD_SECONDS=${seconds}\nDEVCLOUD_GATE_THEN=${dockerGate.then}\n`;
    await writeFileAtomic(this.#places.dockerGate, text, 0o644).catch(() => {
      this.#onProblem({
        code: "E_FILE_IO",
        message: `the rules of Docker's gate could not be written`,
        file: this.#places.dockerGate,
      });
    });
  }
}
