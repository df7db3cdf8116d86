import { AgentError } from "../../agent/core/errors.ts";
import type { StateFiles, StateName, StateStore } from "../../agent/network/state.ts";

/** The state files in memory: a disk that outlives the processes that write to it. */
export class FakeState implements StateStore {
  readonly #files = new Map<StateName, string>();
  /** No room is left: nothing new can be written, while what is there can be read, renamed and removed. */
  full = false;
  /** Nothing can be written, renamed or removed any more. */
  readOnly = false;

  get names(): readonly StateName[] {
    return [...this.#files.keys()].sort();
  }

  async read<N extends StateName>(name: N): Promise<StateFiles[N] | undefined> {
    const text = this.#files.get(name);
    // Through JSON, as on a disk: what does not survive that is not state.
    return text === undefined ? undefined : (JSON.parse(text) as StateFiles[N]);
  }

  async write<N extends StateName>(name: N, value: StateFiles[N]): Promise<void> {
    this.#refuseReadOnly();
    if (this.full) throw new AgentError({ code: "E_FILE_IO", message: `there is no room to write ${name}.json` });
    this.#files.set(name, JSON.stringify(value));
  }

  async remove(name: StateName): Promise<void> {
    this.#refuseReadOnly();
    this.#files.delete(name);
  }

  render<N extends StateName>(_name: N, value: StateFiles[N]): string {
    return JSON.stringify(value);
  }

  async claim(from: "pending", to: "confirmed" | "rolling-back"): Promise<boolean> {
    const text = this.#files.get(from);
    if (text === undefined) return false;
    this.#refuseReadOnly();
    this.#files.delete(from);
    this.#files.set(to, text);
    return true;
  }

  #refuseReadOnly(): void {
    if (this.readOnly) throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
  }
}
