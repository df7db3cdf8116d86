import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pythonWithOvs } from "./python.ts";
import type { Say } from "./tools.ts";

/** A process that follows a database and answers what it has: the protocol is at the top of idl.py. */
export class Follower implements Disposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  /** What it said first: that it has the content. */
  readonly first: Promise<unknown>;

  constructor(argv: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const [command = "", ...args] = argv;
    this.#child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    if (this.#child.stdout === null) throw new Error(`${command} has no output`);
    const lines: Interface = createInterface({ input: this.#child.stdout });
    this.#answers = lines[Symbol.asyncIterator]();
    this.first = this.#answer();
  }

  /** Open vSwitch's own IDL for Python. */
  static async python(remote: string, schemaFile: string, tables: object, say?: Say): Promise<Follower> {
    const { command, env } = await pythonWithOvs(say);
    const program = fileURLToPath(import.meta.resolve("./idl.py"));
    return new Follower([command, program, remote, schemaFile, JSON.stringify(tables)], env);
  }

  async ask(line: string): Promise<unknown> {
    this.#child.stdin?.write(`${line}\n`);
    return await this.#answer();
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }

  async #answer(): Promise<unknown> {
    const next: IteratorResult<string, unknown> = await this.#answers.next();
    if (next.done === true) throw new Error(`${this.#child.spawnargs.join(" ").slice(0, 80)} has ended`);
    return JSON.parse(next.value);
  }
}
