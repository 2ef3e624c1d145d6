import { expect, test } from 'vitest';

import { decodeRecords, scanBatches } from '../../../core/wire/kafka/record-batch.ts';
import { encodeBatch, readHeaders, readRecords } from '../../../sim/chronik/batch.ts';

