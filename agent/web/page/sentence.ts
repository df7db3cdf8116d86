/** A message as a person reads it on a page: it begins as a sentence does, and its times are to the minute. */
export function sentence(message: string): string {
  const text = message.replaceAll(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d):[\d.]+Z/g, "$1 $2 UTC");
  // The name of a device or a container keeps its letters.
  const [first = ""] = text.split(/[\s:]/, 1);
  return /^[a-z]+$/.test(first) ? first.charAt(0).toUpperCase() + text.slice(1) : text;
}
