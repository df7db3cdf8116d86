/**
 * Text from a file, made safe for a terminal: control characters, also the invisible ones that change the direction of
 * writing, are shown as `\u{...}`; what is longer than `most` characters is cut.
 */
export function printable(text: string, most = 200): string {
  const cut = text.length > most ? `${text.slice(0, most)}...` : text;
  return cut.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
