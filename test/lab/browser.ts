import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Readable, Writable } from "node:stream";
import { hostTools, type Say } from "./tools.ts";

/** How a page is looked at. */
export interface Look {
  readonly width: number;
  readonly height: number;
  readonly dark: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** Chromium without a window, from this machine or unpacked beside it, spoken with over the pipes of its DevTools. */
export class Browser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #to: Writable;
  readonly #waiting = new Map<number, PromiseWithResolvers<Fields>>();
  #last = 0;

  private constructor(child: ChildProcess, profile: string) {
    const [, , , to, from] = child.stdio;
    if (!(to instanceof Writable && from instanceof Readable)) throw new Error("Chromium has no pipes");
    this.#child = child;
    this.#profile = profile;
    this.#to = to.on("error", () => undefined);
    let rest = "";
    from.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\0");
      rest = parts.pop() ?? "";
      for (const part of parts) this.#take(JSON.parse(part) as Fields);
    });
    const fail = (): void => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Chromium ended"));
      this.#waiting.clear();
    };
    child.once("error", fail).once("exit", fail);
  }

  /** `enter`: command words that lead to where the pages are reached from. */
  static async start(enter: readonly string[] = [], say?: Say): Promise<Browser> {
    const why = "pictures of the pages";
    const env = await hostTools(say, [
      { commands: ["chromium"], debian: "chromium", fedora: "chromium-headless", why },
    ]);
    const profile = await mkdtemp(join(tmpdir(), "devcloud-browser-"));
    const flags = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--hide-scrollbars",
    ];
    const still = ["--disable-background-networking", "--disable-component-update", "--disable-crash-reporter"];
    const [command = "", ...args] = [...enter, programOf(env.PATH), ...flags, ...still];
    const child = spawn(command, [...args, "--remote-debugging-pipe", `--user-data-dir=${profile}`], {
      env: { ...process.env, ...env, LD_LIBRARY_PATH: librariesOf(env.LD_LIBRARY_PATH), HOME: profile },
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      detached: true,
    });
    return new Browser(child, profile);
  }

  /** Opens a page, waits until `ready` (an expression) is true in it, and keeps a picture of all of it. */
  async picture(url: string, file: string, { look, ready }: { readonly look: Look; readonly ready: string }) {
    const { targetId } = await this.#ask("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#ask("Target.attachToTarget", { targetId, flatten: true });
    const ask = (method: string, params: Fields = {}) => this.#ask(method, params, String(sessionId));
    const { width, height, dark } = look;
    const size = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await ask("Emulation.setDeviceMetricsOverride", size);
    const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
    await ask("Emulation.setEmulatedMedia", { features });
    await ask("Page.enable");
    await ask("Page.navigate", { url });
    const expression = `new Promise((done) => { const look = () => (${ready}) ? done(true) : setTimeout(look, 50); look(); })`;
    const seen = await ask("Runtime.evaluate", { expression, awaitPromise: true });
    if ("exceptionDetails" in seen) throw new Error(`${url}: ${JSON.stringify(seen.exceptionDetails)}`);
    const { data } = await ask("Page.captureScreenshot", { captureBeyondViewport: true });
    await writeFile(file, Buffer.from(String(data), "base64"));
    await this.#ask("Target.closeTarget", { targetId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode, pid } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once("exit", resolve));
      // Its helpers are in its process group.
      process.kill(-pid, "SIGKILL");
      await ended;
    }
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #take({ id, result, error }: Fields): void {
    const asked = typeof id === "number" ? this.#waiting.get(id) : undefined;
    if (asked === undefined || typeof id !== "number") return;
    this.#waiting.delete(id);
    if (error === undefined) asked.resolve({ ...(result as object) });
    else asked.reject(new Error(JSON.stringify(error)));
  }

  #ask(method: string, params: Fields, sessionId?: string): Promise<Fields> {
    this.#last += 1;
    const asked = Promise.withResolvers<Fields>();
    this.#waiting.set(this.#last, asked);
    this.#to.write(`${JSON.stringify({ id: this.#last, method, params, sessionId })}\0`);
    return asked.promise;
  }
}

/** Debian's /usr/bin/chromium is a script that knows its program by an absolute path. */
function programOf(path: string): string {
  const [first = ""] = path.split(delimiter).filter((folder) => existsSync(join(folder, "chromium")));
  const program = join(first, "../lib/chromium/chromium");
  return existsSync(program) ? program : "chromium";
}

/** One of its libraries is in a folder of its own, which only the installed one knows. */
function librariesOf(path = ""): string {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return [...folders, ...folders.map((folder) => join(folder, "pulseaudio"))].join(delimiter);
}
