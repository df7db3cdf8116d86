import type { Problem } from "../../agent/config/host.ts";
import type { PlacedHost } from "../host.ts";

/** Whether this installer knows the command. ostreesetup is older than all of them. */
function knows(release: string, kind: PlacedHost["install"]["source"]["kind"]): boolean {
  if (kind !== "bootc") return true;
  return release === "el10" || (release.startsWith("fedora-") && Number(release.slice("fedora-".length)) >= 43);
}

/** `HOST[:PORT]/PATH` with a tag or, better, a digest: without one, "latest" would be whatever it is on that day. */
const IMAGE =
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9]\d{0,4})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

export function sourceFits(host: PlacedHost): Problem[] {
  const { release, source } = host.install;
  const at = (key: string) => host.place("install", ["source", key]);
  const tell = (key: string, message: string, hint: string): Problem[] => [
    { code: "E_FLEET_SOURCE", message, path: `install.source.${key}`, ...at(key), hint },
  ];
  if (!knows(release, source.kind)) {
    return tell(
      "kind",
      `the installer of ${release} does not know ${source.kind}`,
      "Use ostreecontainer, or an installer from el10 or fedora-43 on.",
    );
  }
  if (/^[^/]*\/\/[^/]*@/.test(source.url)) {
    return tell(
      "url",
      "an account in the URL would stand in the kickstart for everybody to read",
      "Leave it out, and give the installer's network access to the repository.",
    );
  }
  if (source.kind === "ostreesetup") {
    if (source.ref === undefined) return tell("ref", "ostreesetup needs a ref", "Add `ref`, the branch to install.");
    if (!/^(https|file):\/\/[^/]*\/./.test(source.url)) {
      return tell("url", `${source.url} is not the URL of a repository`, "Write https://HOST/PATH or file:///PATH.");
    }
    return [];
  }
  if (source.ref !== undefined) {
    return tell(
      "ref",
      `${source.kind} has no ref`,
      "Leave `ref` out: the image's tag or digest says what is installed.",
    );
  }
  if (!IMAGE.test(source.url)) {
    return tell(
      "url",
      `${source.url} is not the reference of an image`,
      "Write HOST/PATH@sha256:DIGEST or HOST/PATH:TAG.",
    );
  }
  if (Number(/^[^/]*:(\d+)\//.exec(source.url)?.[1] ?? 0) > 65_535) {
    return tell("url", `${source.url} names a port that does not exist`, "Write a port from 1 to 65535, or none.");
  }
  if (!/@sha256:|:[^/:]+$/.test(source.url)) {
    return tell("url", `${source.url} does not say which image`, "Add @sha256:DIGEST (or :TAG).");
  }
  return [];
}
