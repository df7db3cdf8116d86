type Path = readonly (string | number)[];

const LEFT_OUT = "(left out)";

/** What of a container's declaration everybody may see. Whatever else is written there, be it misspelt, may be its environment. */
const harmless: ReadonlySet<unknown> = new Set(["class", "image", "policy"]);

/**
 * A part of the configuration, at its path, for whoever may see the host and not its secrets. There are two places for one: the
 * environment that a container is declared with, whose names stay, and a URL: its account, its query and its fragment. Pure.
 */
export function withoutSecrets(value: unknown, path: Path = []): unknown {
  if (Array.isArray(value)) return value.map((item: unknown, index) => withoutSecrets(item, [...path, index]));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, withoutSecrets(entry, [...path, key])]),
    );
  }
  if (value === undefined || value === null) return value;
  if (isDeclaration(path)) return path.length === 4 && harmless.has(path[3]) ? value : LEFT_OUT;
  return typeof value === "string" && isUrl(path) ? harmlessUrl(value) : value;
}

/** Whether the lines of a file that say something of this setting may show a secret. */
export function mayHoldSecret(path: Path): boolean {
  return isDeclaration(path) || isUrl(path);
}

/** Also a declaration with a wrong indentation: a configuration that is not valid is shown too. */
function isDeclaration([top, section, ...rest]: Path): boolean {
  return top === "containers" && (section === "manifest" || section === "environment" || rest.includes("environment"));
}

function isUrl([top, section]: Path): boolean {
  return top === "controller" && (section === "proxy" || section === "endpoints");
}

/** Of whatever looks like a URL, for the same reason. */
export function harmlessUrl(text: string): string {
  // Nobody can tell whether the end of a password stands before this @, or that of a query behind it.
  if (/[?#].*@/s.test(text)) return text.replace(/^((?:[a-z][a-z0-9+.-]*:)?(?:\/\/)?).*/is, `$1${LEFT_OUT}`);
  const withoutAccount = text.replace(/^((?:[a-z][a-z0-9+.-]*:)?(?:\/\/)?).*@/is, `$1${LEFT_OUT}@`);
  return withoutAccount.replace(/([?#]).+$/s, `$1${LEFT_OUT}`);
}
