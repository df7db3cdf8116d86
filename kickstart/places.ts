/*
 * What the runtime knows of places in the world. The tables of the installer are its own and differ in the last entries, not in the
 * slips that people make.
 */

const regions = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });
const languages = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" });

/** `UTC`, or a region and a place of the time zone database, written as it writes them. */
export function isTimeZone(text: string): boolean {
  if (text === "UTC" || text === "GMT") return true;
  if (!/^[A-Z][A-Za-z_]*(\/[A-Z][A-Za-z0-9_+-]*)+$/.test(text)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** A locale in glibc's form, of a language and a country that exist. */
export function isLocaleName(text: string): boolean {
  const [, language, region] = /^([a-z]{2,3})_([A-Z]{2})\.UTF-8$/.exec(text) ?? [];
  if (language === undefined || region === undefined) return false;
  const known = languages.of(language) !== undefined && new Intl.Locale(language).language === language;
  return known && isRegion(region);
}

/** Keyboard layouts that are named by no country. */
const OTHER_LAYOUTS: ReadonlySet<string> = new Set(["ara", "brai", "epo", "latam", "mao"]);

/** A layout of xkeyboard-config: with few exceptions the code of a country. */
export function isKeyboardLayout(text: string): boolean {
  return OTHER_LAYOUTS.has(text) || (/^[a-z]{2}$/.test(text) && isRegion(text.toUpperCase()));
}

/** Intl takes UK for GB; glibc and the keyboard tables do not. */
function isRegion(code: string): boolean {
  return regions.of(code) !== undefined && code !== "ZZ" && new Intl.Locale(`und-${code}`).region === code;
}
