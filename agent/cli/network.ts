import { type Command, InvalidArgumentError } from "commander";
import type { Problem } from "../core/errors.ts";
import { highestRisk } from "../core/step.ts";
import { dnsProblems } from "../network/dns.ts";
import { faults } from "../network/faults.ts";
import { leftAlone } from "../network/left-alone.ts";
import type { Observed } from "../network/observed.ts";
import { foreignControl } from "../network/refusals.ts";
import { membersOf } from "../network-status.ts";
import type { Io } from "./io.ts";
import { checkLegsCommand } from "./network/check-legs.ts";
import { checkNeutronCommand } from "./network/check-neutron.ts";
import { drainCommand, undrainCommand } from "./network/drain.ts";
import { exportCommand } from "./network/export.ts";
import { historyCommand } from "./network/history.ts";
import { importCommand } from "./network/import.ts";
import { kollaCommand } from "./network/kolla.ts";
import { renderPlan } from "./network/plan-render.ts";
import { look, planned } from "./network/planned.ts";
import { showCommand } from "./network/show.ts";
import { applyNetwork } from "./network-apply.ts";
import { renderProblems } from "./network-render.ts";
import { answerPending, rollBackPending } from "./network-rollback.ts";
import { openSession, type Session, type SessionOptions } from "./session.ts";

/** Adds the group `network`; `done` gets the exit code. */
export function registerNetwork(
  program: Command,
  io: Io,
  options: () => SessionOptions,
  done: (code: number) => void,
): void {
  const group = program
    .command("network")
    .description("plan, apply and check the network of this host")
    .addHelpText("after", GROUP_HELP);
  group
    .command("plan")
    .description("show what would be done to make the network as configured; touches nothing")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", PLAN_HELP)
    .action(async ({ json }: { json: boolean }) => done(await showPlan("plan", json, io, options())));
  group
    .command("verify")
    .description("check that the network is as configured, and that Open vSwitch could do it; touches nothing")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", VERIFY_HELP)
    .action(async ({ json }: { json: boolean }) => done(await showPlan("verify", json, io, options())));
  group
    .command("apply")
    .description("apply the configuration now, and keep it only if the host stays reachable")
    .option("--retry", "also if this configuration was rolled back before", false)
    .option("--force", "also if no probe answers now; then one must answer afterwards, or a person confirm", false)
    .option("--adopt", "also if NICs carry addresses or belong to a bond of the kernel: they are taken over", false)
    .option("--confirm", "a person confirms this change (network confirm), whatever the configuration says", false)
    .option("--json", "print one JSON document", false)
    .addHelpText("after", APPLY_HELP)
    .action(async (flags: { retry: boolean; force: boolean; adopt: boolean; confirm: boolean; json: boolean }) => {
      const { confirm: byOperator, ...asked } = flags;
      done(await applyNetwork({ ...asked, byOperator }, io, options()));
    });
  group.addCommand(drainCommand(io, options, done).exitOverride());
  group.addCommand(checkLegsCommand(io, options, done).exitOverride());
  group.addCommand(exportCommand(io, options, done).exitOverride());
  group.addCommand(checkNeutronCommand(io, options, done).exitOverride());
  group.addCommand(kollaCommand(io, options, done).exitOverride());
  group.addCommand(historyCommand(io, options, done).exitOverride());
  group.addCommand(importCommand(io, options, done).exitOverride());
  group.addCommand(undrainCommand(io, options, done).exitOverride());
  group.addCommand(showCommand(io, () => lookingOnly(options(), io), done).exitOverride());
  group
    .command("confirm")
    .description("confirm the change that waits for an operator's word (confirm.by: operator)")
    .addHelpText(
      "after",
      "\nSay it over a connection that was made after the change: one from before may be the last that works.\nExit code: 0 confirmed, 1 no change is pending, or the daemon does not run, 4 this login is older than the change.\n\nExamples:\n  devcloud-agent network confirm\n",
    )
    .action(async () => done(await answerPending("confirm", io, options())));
  group
    .command("rollback")
    .description("take the pending change back now")
    .option(
      "--pending [id]",
      "do it here, without the daemon; nothing if the change was confirmed (used by the dead-man)",
    )
    .option("--at <ms>", "wait until this moment of the monotonic clock, or until the change is confirmed", moment)
    .addHelpText("after", ROLLBACK_HELP)
    .action(async (flags: { pending?: string | true; at?: number }) => {
      const { pending, at } = flags;
      if (pending === undefined) return done(await answerPending("rollback", io, options()));
      const id = pending === true ? undefined : pending;
      return done(await rollBackPending(id, at, io, options()));
    });
}

function moment(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`expected whole milliseconds of the monotonic clock, got ${text}`);
}

async function showPlan(name: "plan" | "verify", json: boolean, io: Io, options: SessionOptions): Promise<number> {
  await using session = await openSession(lookingOnly(options, io));
  const { observed, target } = await look(session);
  const { steps, bookkeeping, taken } = await planned(target, observed, session.host.ports, session.signal);
  const wrong = faults(target, observed);
  const alone = leftAlone(target, observed);
  const problems: readonly Problem[] = [
    ...foreignControl(session.desired, observed.ovs),
    ...dnsProblems(target, observed).filter(({ code }) => code === "E_DNS_FOREIGN"),
    ...taken,
    ...missingNics(session.desired, observed),
    ...(name === "verify" || steps.length === 0 ? wrong : []),
  ];
  const { hash } = session.desired;
  const risk = highestRisk(steps);
  const schema = `devcloud-agent/network-${name}/v1`;
  if (json) io.stdout(`${JSON.stringify({ schema, hash, risk, steps, bookkeeping, leftAlone: alone, problems })}\n`);
  else io.stdout(renderPlan(steps, problems, alone, io.isTty));
  return steps.length > 0 || problems.length > 0 ? 3 : 0;
}

/** Nothing is touched, not even state that cannot be read; it is told on stderr, away from what `--json` prints. */
function lookingOnly(options: SessionOptions, io: Io): SessionOptions {
  const onProblem = (problem: Problem) => io.stderr(`${renderProblems([problem], io.isTty).join("\n")}\n`);
  return { ...options, looksOnly: true, onProblem };
}

/** A NIC that is not there is no step of a plan, and a plan that says nothing of it would hide a slip of the keyboard. */
function missingNics(desired: Session["desired"], observed: Observed): readonly Problem[] {
  return membersOf({ ...desired, revision: 0 }, observed)
    .filter(({ link }) => link === "missing")
    .map(({ nic }) => ({
      code: "E_NIC_MISSING",
      message: `NIC ${nic} is not there`,
      path: `network.nics.${nic}`,
      hint: "ip link; lspci",
    }));
}

const GROUP_HELP = `
Examples:
  devcloud-agent network plan                          what would change
  devcloud-agent network apply                         change it, and keep it only if the host stays reachable
  devcloud-agent network show                          how this host is wired
`;

const PLAN_HELP = `
Exit code: 0 nothing to do, 3 something to do, 1 failed, as without Open vSwitch, 2 the configuration is not valid.

Examples:
  devcloud-agent network plan
  devcloud-agent network plan --json | jq '.steps[].kind'
`;

const VERIFY_HELP = `
Exit code: 0 as configured, 3 not, 1 it cannot be known, as without Open vSwitch, 2 the configuration is not valid.

Examples:
  devcloud-agent network verify && echo sound
`;

const APPLY_HELP = `
The change is kept when the probes of the configuration answer, and taken back when they do not.
Exit code: 0 applied and confirmed, 1 rolled back or failed, 2 the configuration is not valid, 4 refused for safety.

Examples:
  devcloud-agent network apply
  devcloud-agent network apply --retry                 a configuration that was rolled back before
  devcloud-agent network apply --adopt                 a NIC with the address on it, or a bond of the kernel
  devcloud-agent network apply --confirm               and then, over a new connection: network confirm
`;

const ROLLBACK_HELP = `
By the daemon, or here where that does not run.
Exit code: 0 taken back, 1 failed or no change is pending; with --pending 0 also where none is.

Examples:
  devcloud-agent network rollback
`;
