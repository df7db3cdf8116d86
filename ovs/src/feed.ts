import type { Connection } from "./connection.ts";
import { asOvsdbError, type OvsdbError } from "./errors.ts";
import { Listeners } from "./listeners.ts";
import type { Registration } from "./registry.ts";
import type { Database } from "./schema.ts";
import { type PlainChange, type PlainSelection, Store } from "./store.ts";

/** Keeps a store in step with the server: a monitor that is asked for anew on each connection. */
export class Feed implements Registration {
  readonly id: string;
  readonly database: Database;
  readonly store: Store;
  readonly changes: Listeners<readonly PlainChange[]>;
  readonly sync: Listeners<boolean>;
  readonly #ending: Listeners<OvsdbError>;
  readonly #selection: PlainSelection;
  #forget: () => void = () => undefined;
  #ended: OvsdbError | undefined;
  #synced = false;

  constructor(id: string, database: Database, selection: PlainSelection, onError: (error: unknown) => void) {
    this.id = id;
    this.database = database;
    this.#selection = selection;
    this.store = new Store(database, selection);
    this.changes = new Listeners(onError);
    this.sync = new Listeners(onError);
    this.#ending = new Listeners(onError);
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** Why nothing will ever come any more. */
  get ended(): OvsdbError | undefined {
    return this.#ended;
  }

  attach(connection: Connection, done: (error: OvsdbError | undefined) => void): void {
    const requests = Object.entries(this.#selection).map(([table, columns]) => [table, { columns }]);
    const params = [this.database.name, this.id, Object.fromEntries(requests)];
    // By callback: updates that follow the answer in the same chunk must find the snapshot in place.
    this.#forget = connection.call("monitor", params, undefined, (error, snapshot) => {
      done(error ?? this.#reset(snapshot));
    });
  }

  /** Takes one update message. Throws `bad-value`. */
  update(updates: unknown): void {
    if (!this.#synced) return;
    this.#tell(this.store.update(updates));
  }

  detach(): void {
    this.#forget();
    this.#setSynced(false);
  }

  end(reason: OvsdbError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.detach();
    this.#ending.emit(reason);
  }

  /** Calls back once when the feed ends. */
  onEnd(listener: (reason: OvsdbError) => void): () => void {
    return this.#ending.add(listener);
  }

  #reset(snapshot: unknown): OvsdbError | undefined {
    try {
      const changes = this.store.reset(snapshot);
      this.#synced = true;
      this.#tell(changes);
      // A listener may have ended it.
      if (this.#synced) this.sync.emit(true);
      return undefined;
    } catch (thrown) {
      return asOvsdbError(thrown, "bad-value");
    }
  }

  #tell(changes: readonly PlainChange[]): void {
    if (changes.length > 0) this.changes.emit(changes);
  }

  #setSynced(synced: boolean): void {
    if (this.#synced === synced) return;
    this.#synced = synced;
    this.sync.emit(synced);
  }
}
