import { type Mutant } from './mutant.ts';

const quota = ['quota-under-fire'] as const;
const changed = ['store-changed-behind-its-back'] as const;

/** Bugs in alarms, in what they forbid, and in how members are compared. */
export const alarmMutants: readonly Mutant[] = [
  {
    name: 'alarm-heeded-when-asked',
    about:
      'What an alarm forbids is refused where a request comes in, by the quota, and not where its entry is applied.',
    file: 'core/chainfire/apply.ts',
    anchor: 'const alarmed = refuseByAlarm(this.#alarms, command);',
    replacement: 'const alarmed = command.seq < 0 ? refuseByAlarm(this.#alarms, command) : undefined;',
    caughtBy: ['alarms-heeded'],
    scenarios: quota,
  },
  {
    name: 'refused-though-done',
    about:
      'A put behind the alarm is refused for want of space, and carried out (as etcd does at its quota).',
    file: 'core/chainfire/apply.ts',
    anchor: 'if (alarmed !== undefined) return alarmed;',
    replacement:
      'if (alarmed !== undefined) {\n' +
      '      if (command.put !== undefined) executePut(mvcc, this.#leaseExists, command.put);\n' +
      '      return alarmed;\n' +
      '    }',
    caughtBy: ['alarms-heeded', 'revisions', 'linearizability'],
    scenarios: quota,
  },
  {
    name: 'snapshot-without-alarms',
    about: 'A member that has installed a snapshot goes on with the alarms that it had.',
    file: 'core/chainfire/apply.ts',
    anchor: 'this.#alarms.reload(this.#store);',
    replacement: '',
    caughtBy: ['alarms-agree', 'alarms-heeded', 'state-machine-safety'],
    scenarios: quota,
  },
  {
    name: 'compared-with-what-is-released',
    about: 'Members are compared by rows that one has freed behind a compaction, and another has not.',
    file: 'core/chainfire/mvcc/state-hash.ts',
    anchor: 'if (mainRevisionOf(revision) >= this.#compactRevision) return true;',
    replacement: "if (revision !== '') return true;",
    caughtBy: ['corruption-found'],
    scenarios: quota,
  },
  {
    name: 'compared-at-different-places',
    about:
      'The checksum begins with what is written by chance, and not at the place of the request in the log.',
    file: 'core/chainfire/apply.ts',
    anchor: '#beginCheck(): void {\n    this.#flush();',
    replacement: '#beginCheck(): void {',
    caughtBy: ['corruption-found'],
    scenarios: quota,
  },
  {
    name: 'learners-not-compared',
    about: 'Only voters are found to differ: what a learner holds is nobody’s concern before it votes.',
    file: 'core/chainfire/alarm/check-state.ts',
    anchor: 'return reports.filter((report) => report.hash !== hash)',
    replacement:
      'return reports.filter((report) => report.hash !== hash && voters.includes(report.member as NodeId))',
    caughtBy: ['corruption-found'],
    scenarios: changed,
  },
];
