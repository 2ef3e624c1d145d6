import { type Infer, int16, int32, int64, list, message, records, string } from '../schema.ts';

/** Record batches to append, by partition. Versions 0 to 2 carry formats older than the record batch (KIP-98). */
export const ProduceRequest = message(
  'ProduceRequest',
  { versions: '0-9', flexible: '9+' },
  {
    transactionalId: string('3+', { nullable: '3+', default: null }),
    acks: int16('0+'),
    timeoutMs: int32('0+'),
    topicData: list('0+', {
      name: string('0+'),
      partitionData: list('0+', {
        index: int32('0+'),
        records: records('0+', { nullable: '0+' }),
      }),
    }),
  },
);
export type ProduceRequest = Infer<typeof ProduceRequest>;

/** Where each partition's batches were appended, or why not (KIP-467: which records were at fault). */
export const ProduceResponse = message(
  'ProduceResponse',
  { versions: '0-9', flexible: '9+' },
  {
    responses: list('0+', {
      name: string('0+'),
      partitionResponses: list('0+', {
        index: int32('0+'),
        errorCode: int16('0+'),
        baseOffset: int64('0+'),
        logAppendTimeMs: int64('2+', { ignorable: true, default: -1 }),
        logStartOffset: int64('5+', { ignorable: true, default: -1 }),
        recordErrors: list(
          '8+',
          { ignorable: true },
          {
            batchIndex: int32('8+'),
            batchIndexErrorMessage: string('8+', { nullable: '8+', default: null }),
          },
        ),
        errorMessage: string('8+', { nullable: '8+', ignorable: true, default: null }),
      }),
    }),
    throttleTimeMs: int32('1+', { ignorable: true }),
  },
);
export type ProduceResponse = Infer<typeof ProduceResponse>;
