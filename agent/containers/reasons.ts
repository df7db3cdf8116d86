export type VerdictKind = "ok" | "wait" | "restart" | "hold" | "alert";

/** Why a verdict is what it is: the code is for programs, the words are for people. A reason has one verdict. */
export const reasons = {
  running: ["ok", "it runs; it has no health check"],
  healthy: ["ok", "it runs and is healthy"],
  finished: ["ok", "it ended without an error, and nobody is to start it again"],
  ignored: ["ok", "it is none of the agent's: a one-shot, a child of another container, or not made by Kolla"],

  "health-starting": ["wait", "it was started, and its health check has not decided yet"],
  "unhealthy-recent": ["wait", "it is unhealthy, but not for long"],
  "owner-acts": ["wait", "it is down, and its owner is to bring it back"],
  "owner-restarts": ["wait", "its owner is restarting it"],
  removing: ["wait", "it is being removed"],
  "no-answer": ["wait", "Docker does not answer about it"],
  acting: ["wait", "the agent is restarting it now"],
  "other-action": ["wait", "the agent is restarting another one; one at a time"],
  backoff: ["wait", "it was restarted before, and a pause lies between two restarts"],
  budget: ["wait", "this host has used up its restarts for now"],
  "no-journal": ["wait", "the journal of restarts cannot be read or written, and nothing is restarted without it"],

  exited: ["restart", "it is down, and nobody else brings it back"],
  "start-failed": ["restart", "Docker could not start it and has given up"],
  "gave-up": ["restart", "Docker's restart policy has used up its tries"],
  "unit-failed": ["restart", "its unit has failed: systemd has given up"],
  "unit-lost": ["restart", "its unit is active, and the container is down"],
  unhealthy: ["restart", "it has been unhealthy for too long"],

  "stopped-by-operator": ["hold", "somebody stopped it on purpose"],
  "stop-unseen": ["hold", "it was stopped or killed while nobody looked: perhaps on purpose"],
  "never-started": ["hold", "it was created and never started"],
  "owner-unknown": ["hold", "systemd does not answer, so it is not known who owns it"],
  maintenance: ["hold", "the host is in maintenance"],
  deployer: ["hold", "a deployer is at work on this host"],
  "pending-config": ["hold", "its configuration was changed since its start, and a restart would apply it"],
  "config-unreadable": ["hold", "its configuration cannot be read, and a restart may apply what was changed in it"],
  disk: ["hold", "the disk of Docker is nearly full, or cannot be read"],
  "shared-cause": [
    "hold",
    "several containers are unhealthy at once: the cause is elsewhere, such as the message broker",
  ],
  guests: ["hold", "virtual machines live in it, or it cannot be ruled out"],

  observed: ["alert", "it needs a restart, and the configuration only observes it"],
  "crash-loop": ["alert", "it ends again and again; its owner keeps restarting it"],
  "health-stale": ["alert", "Docker has stopped probing its health; what it shows is old"],
  missing: ["alert", "it should be there, and is not"],
  paused: ["alert", "it is paused, and nothing but a person resumes it"],
  dead: ["alert", "Docker could not remove it, and cannot start it"],
  unsupervised: ["alert", "it runs, but its unit does not: nobody restarts it when it ends"],
  "openvswitch-running": ["alert", "a second Open vSwitch runs on this host and can take the bond down: stop it"],
  "openvswitch-leftover": [
    "alert",
    "a container of Open vSwitch is left on this host; if it starts, the bond goes down: remove it",
  ],
} as const satisfies Readonly<Record<string, readonly [VerdictKind, string]>>;

export type Reason = keyof typeof reasons;

/** Why a restart is due. */
export type Cause = "exited" | "start-failed" | "gave-up" | "unit-failed" | "unit-lost" | "unhealthy";
