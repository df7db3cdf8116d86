import type { Command, Document } from "../parse.ts";
import { about, type Finding, optionOf } from "./finding.ts";

interface Hashable {
  /** What holds the password; without one it is a word by itself. */
  readonly option?: string;
  readonly hint: string;
}

const HASHED = "or give --iscrypted and a hash of `openssl passwd -6`.";
/** Commands whose password may stand here as a hash. */
const HASHABLE: ReadonlyMap<string, Hashable> = new Map([
  ["rootpw", { hint: `Lock the account (rootpw --lock) and give a key (sshkey), ${HASHED}` }],
  ["sshpw", { hint: `Give --sshkey and a public key, ${HASHED}` }],
  ["user", { option: "password", hint: `Lock the account (--lock) and give a key (sshkey), ${HASHED}` }],
  ["bootloader", { option: "password", hint: "Give --iscrypted and what `grub2-mkpasswd-pbkdf2` prints." }],
]);

/** Secrets of which there is no other form. */
const PLAIN_ALWAYS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...["autopart", "part", "partition", "logvol", "raid"].map((name) => [name, ["passphrase"]] as const),
  ...["vnc", "rdp"].map((name) => [name, ["password"]] as const),
  ["network", ["wepkey", "wpakey"]],
]);

/** As crypt(3) and grub2-mkpasswd-pbkdf2 write it, or what no password fits. */
const HASH = /^(\$[0-9a-z]{1,2}\$\S{8,}|grub\.pbkdf2\.\S{8,}|[!*]+)$/;

/** Passwords that everybody can read who gets to see the file. No message shows one. */
export function passwordFindings({ commands }: Document): Finding[] {
  return commands.flatMap((command) => {
    const always = (PLAIN_ALWAYS.get(command.name) ?? []).filter((option) => given(command, option) !== undefined);
    return [...hashable(command), ...always.map((option) => readable(command, option, NO_HASH))];
  });
}

const NO_HASH = "Leave it out: the installer has no hashed form of it, and whoever has this file has the secret.";

function hashable(command: Command): Finding[] {
  const kind = HASHABLE.get(command.name);
  if (kind === undefined || command.options.has("sshkey")) return [];
  const { hint } = kind;
  const option = kind.option === undefined ? undefined : given(command, kind.option);
  const secret = kind.option === undefined ? command.rest[0] : optionOf(command, option ?? "");
  const plain = given(command, "plaintext");
  if (secret === undefined && plain === undefined) return [];
  if (plain !== undefined || !command.options.has("iscrypted")) return [readable(command, plain ?? option ?? "", hint)];
  if (secret === undefined || HASH.test(secret)) return [];
  const message = `${command.name} --iscrypted, and what stands there is no hash`;
  return [about(command, "iscrypted", { code: "E_KICKSTART_UNSAFE", message, hint })];
}

function readable(command: Command, option: string, hint: string): Finding {
  const message = `a password of ${command.name} stands here for everybody to read`;
  return about(command, option, { code: "E_KICKSTART_UNSAFE", message, hint });
}

/** The option as it is written: pykickstart takes the beginning of a name for the name. */
function given(command: Command, name: string): string | undefined {
  return [...command.options.keys()].find((one) => one.length > 1 && name.startsWith(one));
}

/** What stands behind the options that are no secret. */
const WORDS = /^(\s*(?:rootpw|sshpw)\S*(?:\s+--(?!pa)[\w-]+(?:=[^\s'"]*)?(?=\s|$))*)(.*)$/i;
const OPTIONS = /^(.*?\s--(?:pa\w*|wep\w*|wpa\w*)[=\s])(.*)$/i;

/** The line with stars in the place of whatever may be a password, each where the character was. */
export function withoutPasswords(line: string): string {
  const [, before, secret] = WORDS.exec(line) ?? OPTIONS.exec(line) ?? [];
  return before === undefined || secret === undefined ? line : before + secret.replaceAll(/\S/g, "*");
}
