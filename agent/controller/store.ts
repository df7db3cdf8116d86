import type { StateFile } from "./ports.ts";
import type { Session } from "./state.ts";
import { toHex, uuidV7 } from "./uid.ts";

/** So many sequence numbers are reserved by one write: a gap after a crash only makes the controller ask for everything. */
const RESERVED = 1_000;

/** The session that outlives the process, with its file: what `update` made of it is on the disk when it resolves. */
export class SessionStore {
  readonly #file: StateFile<Session>;
  #session: Session;
  #next: number;
  #writing: Promise<void> = Promise.resolve();
  #unwritten = false;

  private constructor(file: StateFile<Session>, session: Session) {
    this.#file = file;
    this.#session = session;
    this.#next = session.sequence;
  }

  /** A session that was never written is `unwritten` until the first update. Throws what keeps the file from being read. */
  static async open(
    file: StateFile<Session>,
    now: number,
    random: (count: number) => Uint8Array,
  ): Promise<SessionStore> {
    const known = await file.read();
    const store = new SessionStore(file, known ?? { uid: toHex(uuidV7(now, random(16))), sequence: 1, failed: [] });
    store.#unwritten = known === undefined;
    return store;
  }

  get session(): Session {
    return this.#session;
  }

  /** What lies on the disk is older, or nothing lies there. */
  get unwritten(): boolean {
    return this.#unwritten;
  }

  /** Writes follow one another in the order of the calls. */
  async update(change: (session: Session) => Session): Promise<void> {
    this.#session = change(this.#session);
    const session = this.#session;
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#file.write(session));
    this.#unwritten = true;
    await this.#writing;
    if (this.#session === session) this.#unwritten = false;
  }

  /** The number of the next report; +1 for each. */
  async sequence(): Promise<number> {
    const number = this.#next++;
    if (number >= this.#session.sequence) {
      await this.update((session) => ({ ...session, sequence: number + RESERVED }));
    }
    return number;
  }
}
