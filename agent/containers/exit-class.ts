import type { Container } from "./observed.ts";

/** Why a container ended, as far as its exit code tells. */
export type ExitClass = "clean" | "terminated" | "killed" | "oom" | "signal" | "not-started" | "lost" | "failed";

/**
 * The class of an exit. `oomKilled` alone says little: Docker sets it also when a child was killed, and a moment late; it counts
 * only together with the code that the kernel's kill leaves.
 */
export function exitClassOf({
  exitCode,
  oomKilled,
  error,
}: Pick<Container, "exitCode" | "oomKilled" | "error">): ExitClass {
  if (exitCode === 0) return error === "" ? "clean" : "not-started";
  if (exitCode === 137) return oomKilled ? "oom" : "killed";
  // 143: SIGTERM, which is how an orderly stop ends for most of Kolla's containers. 130: Ctrl-C.
  if (exitCode === 143 || exitCode === 130) return "terminated";
  if (exitCode >= 125 && exitCode <= 127) return "not-started";
  // What dockerd writes down for containers that were running when the machine, or it, went away.
  if (exitCode === 255) return "lost";
  // There are 64 signals.
  return exitCode > 128 && exitCode <= 192 ? "signal" : "failed";
}

const signals: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  10: "SIGUSR1",
  11: "SIGSEGV",
  12: "SIGUSR2",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/** An exit in words; a shell's code for the end by a signal is 128 and its number. */
export function exitText({ code, class: kind }: { readonly code: number; readonly class: ExitClass }): string {
  if (kind !== "terminated" && kind !== "signal") return exitWords[kind];
  return `${exitWords[kind]} ${signals[code - 128] ?? `signal ${code - 128}`}`;
}

const exitWords: Readonly<Record<ExitClass, string>> = {
  clean: "ended by itself, without an error",
  terminated: "ended by",
  killed: "killed by SIGKILL",
  oom: "killed by the kernel: out of memory",
  signal: "ended by",
  "not-started": "could not be started",
  lost: "was running when the machine or dockerd went down",
  failed: "ended with an error",
};
