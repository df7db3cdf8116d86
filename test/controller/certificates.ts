import { join } from "node:path";
import { must } from "../lab/command.ts";

const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Authorities and certificates of a test, as PEM files NAME.pem and NAME.key in one folder. */
export class Certificates {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  pem(name: string): string {
    return join(this.#folder, `${name}.pem`);
  }

  key(name: string): string {
    return join(this.#folder, `${name}.key`);
  }

  async authority(name: string): Promise<void> {
    const files = ["-keyout", this.key(name), "-out", this.pem(name)];
    await must(["openssl", "req", "-x509", ...key, "-days", "2", "-subj", `/CN=${name}`, ...files]);
  }

  /** `days` may be negative: it ended before it began then. */
  async issue(by: string, name: string, { address = "127.0.0.1", days = 1, subject = name } = {}): Promise<void> {
    const request = join(this.#folder, `${name}.csr`);
    const wanted = ["-subj", `/CN=${subject}`, "-addext", `subjectAltName=IP:${address}`, "-out", request];
    await must(["openssl", "req", "-new", ...key, "-keyout", this.key(name), ...wanted]);
    const signer = ["-CA", this.pem(by), "-CAkey", this.key(by), "-CAcreateserial", "-copy_extensions", "copy"];
    const files = ["-in", request, "-out", this.pem(name)];
    await must(["openssl", "x509", "-req", ...signer, "-days", String(days), ...files]);
  }
}
