import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { storageBackendContract } from './storage-backend.ts';
import { contractTables } from './storage-backend-subject.ts';

storageBackendContract('the store in memory', () =>
  Promise.resolve({ store: new MemoryBackend(contractTables), close: () => Promise.resolve() }),
);
