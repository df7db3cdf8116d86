import { writeFile } from "node:fs/promises";

/** Writes a number into a file of /proc/sys. A switch that this kernel does not have is no fault. */
export async function writeSysctl(file: string, value: number): Promise<void> {
  try {
    await writeFile(file, `${value}\n`, { flag: "r+" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
