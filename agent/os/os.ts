import type { Capability, Outcome } from "../core/capability.ts";
import type { Problem } from "../core/errors.ts";
import { parseBootc } from "./bootc.ts";
import { type Deployments, deploymentOf } from "./deployments.ts";
import { parseOstree } from "./ostree.ts";
import type { Answer, DeploymentTools, Stamp } from "./ports.ts";
import { parseRpmOstree } from "./rpm-ostree.ts";

/** What is known of the operating system, for the status, the metrics and the controller. */
export type OsView =
  | { readonly state: "unknown" }
  /** This host was not installed from an image: it has no deployments, and that is in order. */
  | { readonly state: "absent"; readonly reason: string }
  | {
      readonly state: "known";
      readonly deployments: Deployments;
      /** The deployment that this boot was to take and did not, if it fell back. */
      readonly fellBackFrom?: string;
    };

const parsers: Readonly<Record<Answer["tool"], (text: string) => Deployments>> = {
  "rpm-ostree": parseRpmOstree,
  bootc: parseBootc,
  ostree: parseOstree,
};

/** Reads an answer of a tool. Throws E_OS_STATUS. */
function deploymentsIn({ tool, text }: Answer): Deployments {
  return parsers[tool](text);
}

/** The operating system as a capability: it observes only. Asks the tools again when the deployments changed, or a transaction runs. */
export class OperatingSystem implements Capability {
  readonly name = "os";
  readonly #tools: DeploymentTools;
  #view: OsView = { state: "unknown" };
  #stamp: string | undefined;
  #fellBackFrom: string | undefined;

  constructor(tools: DeploymentTools) {
    this.#tools = tools;
  }

  get view(): OsView {
    return this.#view;
  }

  async reconcile(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    const stamp = await this.#tools.stamp();
    progress();
    if (stamp === undefined) {
      this.#view = { state: "absent", reason: "this host has no ostree deployments" };
      return { state: "observing", problems: [] };
    }
    // A failure leaves the old stamp, so that the next pass asks again, and the old view, which was true once.
    if (stamp.text !== this.#stamp) {
      const answer = await this.#tools.read(signal);
      progress();
      if (answer === undefined) {
        this.#view = { state: "absent", reason: "no rpm-ostree, bootc or ostree is installed" };
        return { state: "degraded", problems: [noTool] };
      }
      const deployments = deploymentsIn(answer);
      this.#learn(deployments, stamp);
      // Nothing is written when a transaction ends.
      this.#stamp = deployments.transaction === undefined ? stamp.text : undefined;
    }
    const problems = this.#fellBackFrom === undefined ? [] : [fallback(this.#fellBackFrom)];
    return { state: problems.length > 0 ? "degraded" : "observing", problems };
  }

  /**
   * Nobody says that a boot fell back: the list looks the same when an update was deployed and waits. But what was written before
   * this boot and comes first was to be booted.
   */
  #learn(deployments: Deployments, { writtenAt }: Stamp): void {
    const pending = deploymentOf("pending", deployments)?.checksum;
    if (pending === undefined) this.#fellBackFrom = undefined;
    else if (writtenAt < this.#tools.bootedAt() && deploymentOf("booted", deployments)) this.#fellBackFrom = pending;
    else if (this.#fellBackFrom !== pending) this.#fellBackFrom = undefined;
    const fellBack = this.#fellBackFrom === undefined ? {} : { fellBackFrom: this.#fellBackFrom };
    this.#view = { state: "known", deployments, ...fellBack };
  }
}

const noTool: Problem = {
  code: "E_OS_NO_TOOL",
  message: "this host has ostree deployments, and neither rpm-ostree nor bootc nor ostree to ask about them",
  hint: "Install rpm-ostree or ostree, or see why it is not on the agent's PATH.",
};

function fallback(checksum: string): Problem {
  return {
    code: "E_OS_FALLBACK",
    message: `this boot was to take the deployment ${checksum.slice(0, 12)} and took an older one`,
    hint: "See the journal of the failed boot (journalctl --list-boots) before that deployment is tried again.",
  };
}
