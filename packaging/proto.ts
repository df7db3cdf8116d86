/** Writes agent/controller/proto/opamp_pb.ts from opamp.proto: `node packaging/proto.ts`. A test says when it is out of date. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const repository = join(import.meta.dirname, "..");
const folder = join(repository, "agent/controller/proto");

/** Where the generated messages lie in the repository. */
export const MESSAGES_FILE: string = join(folder, "opamp_pb.ts");

/** The text that buf and protoc-gen-es make of opamp.proto. */
export async function generateMessages(): Promise<string> {
  const out = await mkdtemp(join(tmpdir(), "devcloud-proto-"));
  try {
    const plugin = { local: "protoc-gen-es", out, opt: ["target=ts"] };
    const template = JSON.stringify({ version: "v2", plugins: [plugin] });
    const bin = join(repository, "node_modules/.bin");
    const env = {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
      BUF_CACHE_DIR: join(out, "cache"),
    };
    await promisify(execFile)(join(bin, "buf"), ["generate", folder, "--template", template], { env });
    return await readFile(join(out, "opamp_pb.ts"), "utf8");
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

if (import.meta.main) await writeFile(MESSAGES_FILE, await generateMessages());
