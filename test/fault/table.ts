export type Cell = string | number;

/** Lines of a table with aligned columns: numbers to the right, text to the left. */
export function table(heading: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? "").length)),
  );
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, column) =>
        typeof cell === "number" ? String(cell).padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const right = heading.map((title, column) =>
    typeof rows[0]?.[column] === "number" ? title.padStart(widths[column] ?? 0) : title,
  );
  return [line(right), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)];
}

/** The middle of the values; of an even number the lower one. NaN for none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
