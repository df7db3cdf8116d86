/** A word for a shell, and for kickstart's own lines, which are split by the same rules. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9@%_+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Lines of a script that write `text` to a file. The delimiter is quoted, so that nothing in the text means anything to the
 * shell. Throws for a text that kickstart would take for the end of its section, or the shell for the end of the text.
 */
export function writeLines(path: string, text: string, mode: string): readonly string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const bad = lines.find((line) => line.trim().startsWith("%") || line.trim() === DELIMITER || /[\0\r]/.test(line));
  if (bad !== undefined) throw new TypeError(`${JSON.stringify(bad)} cannot stand in a script of a kickstart`);
  return [`cat >${quoted(path)} <<'${DELIMITER}'`, ...lines, DELIMITER, `chmod ${mode} ${quoted(path)}`];
}

const DELIMITER = "DEVCLOUD_END_OF_FILE";
