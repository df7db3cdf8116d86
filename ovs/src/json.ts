/** A JSON value as it goes over the wire. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** True for a JSON object; false for null, arrays and atoms. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a JSON array, without letting `any` in as `Array.isArray` does. */
export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** The value as a person may read it in a message, cut to a line's length. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
