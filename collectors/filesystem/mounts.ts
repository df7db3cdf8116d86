import { FormatError, fieldsOf, linesOf } from "../parse.ts";

export interface Mount {
  readonly device: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly readOnly: boolean;
}

/** What upstream leaves out by default: pseudo file systems, and those of containers. */
const EXCLUDED_POINTS =
  /^\/(dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)($|\/)/;
const EXCLUDED_TYPES =
  /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$/;

/** The file systems of /proc/PID/mounts (fstab(5)), each once. */
export function mountsOf(text: string, file: string): readonly Mount[] {
  const mounts = new Map<string, Mount>();
  for (const line of linesOf(text)) {
    const [device, point, type, options] = fieldsOf(line);
    if (device === undefined || point === undefined || type === undefined || options === undefined) {
      throw new FormatError(file, line);
    }
    const mountPoint = unescaped(point);
    if (EXCLUDED_POINTS.test(mountPoint) || EXCLUDED_TYPES.test(type)) continue;
    // Another mount on the same place with the same device is the same series.
    const key = JSON.stringify([device, mountPoint, type]);
    if (!mounts.has(key)) mounts.set(key, { device, mountPoint, type, readOnly: options.split(",").includes("ro") });
  }
  return [...mounts.values()];
}

/** The kernel writes space, tab, newline and backslash as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\(040|011|012|134)/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
