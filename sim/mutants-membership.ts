import { type Mutant } from './mutant.ts';

/** Bugs in how members come and go. */
export const membershipMutants: readonly Mutant[] = [
  {
    name: 'change-before-first-commit',
    about:
      'A leader changes the configuration before it has committed in its term, whoever has caught up: what its predecessor began may yet be in force (raft-dev, 2015).',
    file: 'core/raft/membership.ts',
    anchor: 'if (!state.committedInTerm || state.transfer !== undefined)',
    replacement: 'if (state.transfer !== undefined)',
    also: [
      {
        file: 'core/chainfire/reconfigurer.ts',
        anchor: 'if (peer === undefined || !peer.active || !peer.replicating) return false;',
        replacement: 'if (peer !== undefined) return true;\n    if (peer === undefined) return false;',
      },
    ],
    caughtBy: ['configuration-changes', 'commit-quorum', 'leader-completeness', 'election-safety'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'two-changes-at-once',
    about: 'A leader begins a change while the one before is not committed (Raft §4.1).',
    file: 'core/raft/membership.ts',
    anchor: "if (!state.configurationSettled) return 'CONFIGURATION_IN_PROGRESS';",
    replacement: '',
    caughtBy: ['configuration-changes'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'joint-commit-by-new-majority',
    about: 'In a joint configuration the new voters commit alone (Raft §4.3 asks for both majorities).',
    file: 'core/raft/quorum.ts',
    anchor: 'return Math.min(incoming, majorityIndex(configuration.outgoing, matchOf));',
    replacement: 'return incoming;',
    caughtBy: ['commit-quorum', 'leader-completeness'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'joint-election-by-new-majority',
    about: 'In a joint configuration the new voters elect alone (Raft §4.3 asks for both majorities).',
    file: 'core/raft/quorum.ts',
    anchor: "return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';",
    replacement: 'return incoming;',
    caughtBy: ['election-quorum', 'election-safety', 'leader-completeness'],
    scenarios: ['halves-of-four', 'membership-under-fire'],
  },
  {
    name: 'learner-counted-in-commit',
    about: 'What a learner holds counts for a commit as what a voter holds (dissertation §4.2.1).',
    file: 'core/raft/quorum.ts',
    anchor: 'const incoming = majorityIndex(configuration.voters, matchOf);',
    replacement:
      'const incoming = majorityIndex([...configuration.voters, ...configuration.learners], matchOf);',
    caughtBy: ['commit-quorum'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'learner-counted-in-votes',
    about: 'A learner is asked for its vote, and its vote counts (dissertation §4.2.1).',
    file: 'core/raft/configuration.ts',
    anchor:
      'if (configuration.outgoing.length === 0) return configuration.voters;\n  return [...new Set([...configuration.voters, ...configuration.outgoing])].sort(',
    replacement:
      'return membersOf(configuration);\n  return [...new Set([...configuration.voters, ...configuration.outgoing])].sort(',
    also: [
      {
        file: 'core/raft/quorum.ts',
        anchor: 'const incoming = sideOutcome(configuration.voters, votes);',
        replacement:
          'const incoming = sideOutcome([...configuration.voters, ...configuration.learners], votes);',
      },
    ],
    caughtBy: ['election-quorum'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'removed-id-used-again',
    about: 'A new member gets the lowest id that nobody has, be it that of one who was removed.',
    file: 'core/chainfire/membership.ts',
    anchor: 'this.#lastId += 1;',
    replacement: 'this.#lastId = 1 + Math.max(0, ...membersOf(at.configuration));',
    caughtBy: ['configuration-changes', 'invariant', 'vote-once', 'durable-log'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'configuration-when-committed',
    about: 'A member goes by a configuration only once it is committed, not when it is appended (Raft §4.1).',
    file: 'core/raft/group-state.ts',
    anchor: 'return this.log.configuration;',
    replacement: 'return this.log.configurationAt(this.commitIndex);',
    caughtBy: ['configuration-in-force'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'configuration-not-rolled-back',
    about: 'A configuration stays in force when its entry is cut out of the log (Raft §4.1).',
    file: 'core/raft/log.ts',
    anchor: 'while (this.configurationIndex >= index) {',
    replacement: 'while (this.configurationIndex >= index && index < 0) {',
    caughtBy: ['configuration-in-force', 'invariant'],
    scenarios: ['changing-members', 'membership-under-fire'],
  },
  {
    name: 'wiped-member-comes-back',
    about:
      'A member whose disks were lost starts with nothing under its old id, and votes again where it has voted.',
    file: 'core/raft/node.ts',
    anchor: 'if (group.mustExist === true && journal.hardState.boot === 0) {',
    replacement: 'if (group.mustExist === true && journal.hardState.boot < 0) {',
    caughtBy: ['vote-once', 'durable-log', 'leader-completeness'],
    scenarios: ['wipe-and-rejoin', 'changing-members'],
  },
];
