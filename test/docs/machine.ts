import type { BootHost } from "../system/boot/host.ts";
import type { Report } from "../system/boot/report.ts";
import { docCommands } from "./commands.ts";

/** Every documented command that needs a booted systemd, in the order of the documents. */
export async function documentedCommands({ machine }: BootHost, report: Report): Promise<void> {
  report.scenario("the documents' commands for a booted host");
  for (const { file, line, text, exits } of docCommands().filter(({ place }) => place === "machine")) {
    const { code, stdout, stderr } = await machine.exec(["sh", "-c", text]);
    const detail = code === exits ? "" : `exit code ${code}: ${stderr.trim() || stdout.trim()}`;
    report.check(`${file}:${line}: ${text}`, code === exits, detail);
  }
}
