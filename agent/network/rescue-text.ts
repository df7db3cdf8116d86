export const devicePattern = /^[A-Za-z0-9_.-]{1,15}$/;
export const addressPattern = /^[0-9a-fA-F.:]+(\/\d{1,3})?$/;

/** A value in single quotes for a script that runs as root, when nobody watches. Throws for what has another form. */
export function quoted(value: string, form: RegExp): string {
  if (!form.test(value))
    throw new TypeError(`${JSON.stringify(value)} passed validation and has no place in a shell script`);
  return shellQuote(value);
}

export function shellQuote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
