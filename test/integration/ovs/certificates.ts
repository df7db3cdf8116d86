import { join } from "node:path";
import { must } from "../../lab/command.ts";

/** An authority that signs certificates with `openssl`, in a folder. */
export class Authority {
  readonly ca: string;
  readonly #folder: string;
  readonly #key: string;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.ca = join(folder, `${name}.pem`);
    this.#key = join(folder, `${name}.key`);
  }

  static async create(folder: string, name: string): Promise<Authority> {
    const authority = new Authority(folder, name);
    await must([...newKey(authority.#key), "-x509", "-days", "2", "-subj", `/CN=${name}`, "-out", authority.ca]);
    return authority;
  }

  /** A key and a certificate for a name. Like those of `ovs-pki` it has no subjectAltName, unless one is given. */
  async sign(name: string, alternative?: string): Promise<{ readonly cert: string; readonly key: string }> {
    const [cert, key] = [join(this.#folder, `${name}.pem`), join(this.#folder, `${name}.key`)];
    const extensions = ["basicConstraints=critical,CA:FALSE"];
    if (alternative !== undefined) extensions.push(`subjectAltName=${alternative}`);
    await must([
      ...newKey(key),
      ...["-x509", "-days", "2", "-subj", `/CN=${name}`, "-CA", this.ca, "-CAkey", this.#key, "-out", cert],
      ...extensions.flatMap((extension) => ["-addext", extension]),
    ]);
    return { cert, key };
  }
}

function newKey(file: string): string[] {
  return ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];
}
