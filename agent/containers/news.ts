import type { ContainersPorts } from "./ports.ts";
import type { ContainerStatus } from "./status.ts";

/** Tells what is new of the containers, once. */
export class News {
  readonly #report: ContainersPorts["report"];
  /** What was told of each container; absent before the first look. */
  #told: ReadonlyMap<string, string> | undefined;

  constructor(report: ContainersPorts["report"]) {
    this.#report = report;
  }

  tell(statuses: readonly ContainerStatus[]): void {
    const before = this.#told;
    const watched = statuses.filter(({ reason }) => reason !== "ignored");
    this.#told = new Map(watched.map((each) => [each.name, textOf(each)]));
    for (const each of watched) {
      // What was in order at the first look is no news.
      if (before === undefined ? each.verdict !== "ok" : before.get(each.name) !== textOf(each)) this.#tell(each);
    }
    for (const name of before?.keys() ?? []) {
      if (!this.#told.has(name)) this.#report({ event: "container", name, state: "gone" });
    }
  }

  #tell({ name, state, verdict, reason, restarts, exit }: ContainerStatus): void {
    const exitClass = exit && { exitClass: exit.class };
    this.#report({ event: "container", name, state, verdict, reason, restarts, ...exitClass });
  }
}

/** Its start belongs to it: a container may die and be back between two looks. */
function textOf({ id, state, verdict, reason, startedAt }: ContainerStatus): string {
  return [id, state, verdict, reason, startedAt].join(" ");
}
