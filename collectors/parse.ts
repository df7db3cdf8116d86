/** What a file of the kernel should not contain. The collector that meets it fails, and no other. */
export class FormatError extends Error {
  constructor(file: string, found: string) {
    super(`${file}: unexpected ${JSON.stringify(found.slice(0, 80))}`);
    this.name = "FormatError";
  }
}

export function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

export function fieldsOf(line: string): readonly string[] {
  return line.trim().split(/\s+/);
}

function isDigits(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,20}$/.test(text);
}

/** The digits as they are, without leading zeros: the value of a counter may be larger than a number can hold. */
export function digits(text: string | undefined, file: string): string {
  if (!isDigits(text)) throw new FormatError(file, text ?? "end of line");
  return text.replace(/^0+(?=\d)/, "");
}

/** `text` divided by 10^places, exactly: a decimal point is inserted. */
export function divided(text: string, places: number): string {
  const padded = text.padStart(places + 1, "0");
  const fraction = padded.slice(-places).replace(/0+$/, "");
  const whole = padded.slice(0, -places);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** `text` times `factor`, exactly. */
export function times(text: string, factor: number): string {
  return (BigInt(text) * BigInt(factor)).toString();
}
