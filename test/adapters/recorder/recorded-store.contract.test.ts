import { expect } from 'vitest';

import { AnswerRecords } from '../../../adapters/recorder/answer-records.ts';
import { RecordedStore } from '../../../adapters/recorder/recorded-store.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { WireWriter } from '../../../core/wire/writer.ts';
import { storageBackendContract } from '../../contract/storage-backend.ts';
import { contractTables } from '../../contract/storage-backend-subject.ts';

storageBackendContract('a store whose answers are taken down', () => {
  const writer = new WireWriter();
  const answers = new AnswerRecords(writer, () => undefined);
  answers.isOpen = true;
  return Promise.resolve({
    store: new RecordedStore(new MemoryBackend(contractTables), answers),
    close: () => {
      expect(answers.isOpen).toBe(true);
      return Promise.resolve();
    },
  });
});
