import { memberTables } from '../../core/chainfire/member.ts';
import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { type Backup } from './backup.ts';

/** The rows of a backup as they are: nothing is left out and nothing is raised. */
export function backupContent(backup: Pick<Backup, 'tables'>): MemoryBackend {
  const store = new MemoryBackend(memberTables);
  const stage = store.openStage();
  for (const [table, rows] of backup.tables) store.stageRows(stage, table, rows);
  store.installStage(stage);
  return store;
}
