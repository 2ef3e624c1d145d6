import { type Mutant } from './mutant.ts';

const scenarios = ['chronik-groups'];
const caughtBy = ['groups-keep-word'];

/** Bugs of coordinators of consumer groups. */
export const chronikGroupMutants: readonly Mutant[] = [
  {
    name: 'chronik-stale-generation-accepted',
    about: 'A member commits in a generation that is over: two owners of a partition overwrite each other.',
    file: 'core/chronik/group/offset-commits.ts',
    anchor: "if (by.generation !== group.generation) return 'ILLEGAL_GENERATION';",
    replacement: '',
    caughtBy,
    scenarios,
  },
  {
    name: 'chronik-commit-answered-at-append',
    about:
      'A commit is answered when the coordinator has appended it: the next one may never have heard of it.',
    file: 'core/chronik/group/offset-commits.ts',
    anchor: "const error = append({ kind: 'answerPartitions', requestId, answer });",
    replacement:
      "const error = append({ kind: 'nothing' });\n    if (error === 'NONE') this.#port.reply(requestId, answer);",
    caughtBy,
    scenarios,
  },
  {
    name: 'chronik-shares-told-before-durable',
    about:
      'Members are told their shares before the record of them is durable: the next coordinator shares out anew.',
    file: 'core/chronik/group/memberships.ts',
    anchor: "if (error === 'NONE') group.storing = given;",
    replacement:
      "if (error === 'NONE') {\n      group.storing = given;\n      this.#rebalances.assigned(led, group, generation);\n    }",
    caughtBy,
    scenarios,
  },
  {
    name: 'chronik-groups-known-before-durable',
    about:
      'A new coordinator answers as soon as it leads, by the part of the log that it then knows to be durable.',
    file: 'core/chronik/group/loading.ts',
    anchor: "return log.highWatermark >= loading.endOffset ? 'done' : 'waits';",
    replacement: "return 'done';",
    caughtBy,
    scenarios,
  },
  {
    name: 'chronik-generation-lost-on-failover',
    about:
      'A new coordinator counts generations from the beginning: a member of an old one passes for one of the new.',
    file: 'core/chronik/group/group.ts',
    anchor: 'this.generation = stored.generation;',
    replacement: 'this.generation = 0;',
    caughtBy,
    scenarios,
  },
];
