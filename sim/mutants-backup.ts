import { type Mutant } from './mutant.ts';

const backupScenarios = ['backup-under-fire', 'restored-cluster-under-fire'] as const;
const restoredScenarios = ['restored-cluster-under-fire', 'backup-under-fire'] as const;
const fates = 'core/chainfire/backup/row-fates.ts';
const restoredState = 'core/chainfire/backup/restored-state.ts';

/** Bugs in how backups are taken, and in what a cluster that is made of one begins with. */
export const backupMutants: readonly Mutant[] = [
  {
    name: 'backup-of-many-revisions',
    about: 'Each table of a backup is read as it is when its turn comes, and not from one view.',
    file: 'sim/backup/download.ts',
    anchor: 'chunks: snapshotChunks(view, process.store.tables, chunkRowsMax),',
    replacement:
      'chunks: snapshotChunks({ range: (table, range) => process.store.view(process.store.openView()).range(table, range) },\n' +
      '        process.store.tables, chunkRowsMax),',
    caughtBy: ['backup-exact', 'restored-state', 'truth'],
    scenarios: backupScenarios,
  },
  {
    name: 'half-a-backup',
    about: 'What has come when a download breaks off is taken for a backup.',
    file: 'sim/backup/download.ts',
    anchor: 'this.#options.ended(backup);',
    replacement:
      'const { process, world } = this.#options;\n' +
      '    const serving = this.#serving;\n' +
      '    this.#options.ended(backup ?? (serving === undefined ? undefined : { node: process.member,\n' +
      '      openedUs: serving.openedUs, endedUs: world.nowUs, member: serving.member, leases: serving.leases, tables: this.#tables }));',
    caughtBy: ['backup-exact'],
    scenarios: backupScenarios,
  },
  {
    name: 'restored-without-leases',
    about: 'A restored cluster has the keys and not the leases that they are on: they stay for ever.',
    file: fates,
    anchor: "{ table: leaseTable, rows: everyRow, fate: 'taken' },",
    replacement: "{ table: leaseTable, rows: everyRow, fate: 'left' },",
    caughtBy: ['restored-state'],
    scenarios: restoredScenarios,
  },
  {
    name: 'restored-without-users',
    about: 'A restored cluster asks nobody who they are: users and permissions stay behind.',
    file: fates,
    anchor: "{ table: authTable, rows: everyRow, fate: 'taken' },",
    replacement: "{ table: authTable, rows: everyRow, fate: 'left' },",
    caughtBy: ['restored-state'],
    scenarios: ['backup-under-fire'],
  },
  {
    name: 'restored-log-one-too-far',
    about: 'The log of a restored member begins one entry behind the state, which lacks that entry.',
    file: restoredState,
    anchor: 'journal.restart({ index, term });',
    replacement: 'journal.restart({ index: index + 1, term });',
    caughtBy: ['restored-state', 'invariant', 'thrown', 'data-lost'],
    scenarios: restoredScenarios,
  },
  {
    name: 'restored-in-an-old-term',
    about: 'A restored member begins in term 0, below that of the entry that its log begins behind.',
    file: restoredState,
    anchor: 'journal.saveHardState({ term, vote: 0, boot: 1 });',
    replacement: 'journal.saveHardState({ term: 0, vote: 0, boot: 1 });',
    caughtBy: ['restored-state', 'invariant', 'thrown', 'data-lost'],
    scenarios: restoredScenarios,
  },
  {
    name: 'bump-not-applied',
    about:
      'The revision of a restored cluster is not raised, though it was asked for: revisions are given twice.',
    file: restoredState,
    anchor: 'const bumped = { ...found, revision: found.revision + bump };',
    replacement: 'const bumped = { ...found };',
    caughtBy: ['restored-state'],
    scenarios: restoredScenarios,
  },
  {
    name: 'mark-compacted-forgotten',
    about:
      'What is below the raised revision does not count as compacted: watches from before go on in another history.',
    file: restoredState,
    anchor: 'if (!markCompacted) return;',
    replacement: 'if (markCompacted || !markCompacted) return;',
    caughtBy: ['restored-state', 'restored-history'],
    scenarios: restoredScenarios,
  },
  {
    name: 'restored-with-the-old-members',
    about: 'A restored cluster has the members of the old one, which know nothing of it.',
    file: fates,
    anchor: "{ table: metaTable, rows: 'configuration', fate: 'left' },",
    replacement: "{ table: metaTable, rows: 'configuration', fate: 'taken' },",
    also: [
      {
        file: fates,
        anchor: "{ table: metaTable, rows: 'membership', fate: 'left' },",
        replacement: "{ table: metaTable, rows: 'membership', fate: 'taken' },",
      },
    ],
    caughtBy: ['restored-state', 'member-stopped', 'liveness'],
    scenarios: backupScenarios,
  },
  {
    name: 'restored-leases-go-at-once',
    about: 'A member that starts counts what it finds of leases as overdue, and ends them when it leads.',
    file: 'core/chainfire/replica.ts',
    anchor: 'deadlines.restart(nowUs);',
    replacement: 'deadlines.restart(nowUs - 3_600_000_000);',
    caughtBy: ['restored-state', 'lease-not-early'],
    scenarios: restoredScenarios,
  },
];
