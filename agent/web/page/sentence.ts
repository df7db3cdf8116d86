/** A message as a person reads it on a page: it begins as a sentence does, its times are to the minute, and no name is explained by itself. */
export function sentence(message: string): string {
  const text = message
    .replaceAll(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d):[\d.]+Z/g, "$1 $2 UTC")
    .replaceAll(/(\S+) \(\1\)/g, "$1");
  // The name of a device or a container keeps its letters.
  const [first = ""] = text.split(/[\s:]/, 1);
  return /^[a-z]+$/.test(first) ? first.charAt(0).toUpperCase() + text.slice(1) : text;
}
