import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What makes the rounds of a run the same again. */
export interface Setting {
  readonly lane: string;
  readonly rounds: number;
  readonly seed: number;
  readonly speed: number;
  readonly shipped: number;
}

const schema = "devcloud-agent/chaos-progress/v1";

/** One line of JSON a round, on the disk as soon as the round has ended: an interrupted run goes on from here. */
export class Progress {
  readonly path: string;
  readonly setting: Setting;

  private constructor(path: string, setting: Setting) {
    this.path = path;
    this.setting = setting;
  }

  /** A new file, or the one that a run with the same setting left. */
  static open(path: string, setting: Setting): Progress {
    if (existsSync(path)) {
      const there = Progress.resume(path);
      if (JSON.stringify(there.setting) === JSON.stringify(setting)) return there;
    }
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify({ schema, setting })}\n`);
    return new Progress(path, setting);
  }

  /** Throws where `path` is no such file. A line that was cut short by the end of its run is taken away. */
  static resume(path: string): Progress {
    const bytes = readFileSync(path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) truncateSync(path, whole);
    const [head = ""] = bytes.toString("utf8").split("\n");
    return new Progress(path, settingOf(head, path));
  }

  /** The rounds so far, in the order in which they ended. */
  read(): readonly object[] {
    return readFileSync(this.path, "utf8")
      .split("\n")
      .slice(1)
      .map(parsed)
      .filter((value) => typeof value === "object" && value !== null);
  }

  add(round: object): void {
    appendFileSync(this.path, `${JSON.stringify(round)}\n`, { flush: true });
  }

  /** Keeps a text beside the file, and returns where. */
  keep(name: string, text: string): string {
    const folder = this.path.replace(/\.ndjson$/, "");
    mkdirSync(folder, { recursive: true });
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }
}

function settingOf(head: string, path: string): Setting {
  const value: unknown = parsed(head);
  if (isHead(value)) return value.setting;
  throw new Error(`${path} is not the progress of a run`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isHead(value: unknown): value is { readonly setting: Setting } {
  return (
    typeof value === "object" && value !== null && "schema" in value && value.schema === schema && "setting" in value
  );
}
