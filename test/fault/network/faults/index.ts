import { duringChange } from "./change.ts";
import { clockJump } from "./clock.ts";
import { cutOffAgent, cutOffDeadMan } from "./cut-off.ts";
import { cutIdle, cutInChange, cutInTurn } from "./cuts.ts";
import { killedDatabase, killedSwitch } from "./daemons.ts";
import { diskFull, diskFullBefore } from "./disk.ts";
import type { NetworkFault } from "./fault.ts";
import { foreignHand, thief } from "./foreign.ts";
import { idle } from "./idle.ts";
import { invalidAtStart, invalidLive } from "./invalid.ts";
import { malicious } from "./malicious.ts";
import { pausedAgent, pausedDatabase, pausedSwitch } from "./pauses.ts";
import { duringRollback } from "./rollback.ts";
import { starting } from "./starting.ts";
import { stateWhileDead, stateWhileRunning } from "./state.ts";
import { twice } from "./twice.ts";

export const faults: readonly NetworkFault[] = [
  duringChange,
  twice,
  starting,
  duringRollback,
  idle,
  cutOffDeadMan,
  cutOffAgent,
  malicious,
  foreignHand,
  thief,
  cutInChange,
  cutIdle,
  cutInTurn,
  invalidLive,
  invalidAtStart,
  pausedAgent,
  pausedSwitch,
  pausedDatabase,
  killedDatabase,
  killedSwitch,
  stateWhileDead,
  stateWhileRunning,
  diskFull,
  diskFullBefore,
  clockJump,
];
