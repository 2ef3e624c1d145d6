import { type Infer, bool, float64, int16, int32, int8, list, message, string } from '../schema.ts';

/** Asks for quotas by what they are for: match type 0 is a name, 1 the default, 2 any (KIP-546). */
export const DescribeClientQuotasRequest = message(
  'DescribeClientQuotasRequest',
  { versions: '0-1', flexible: '1+' },
  {
    components: list('0+', {
      entityType: string('0+'),
      matchType: int8('0+'),
      match: string('0+', { nullable: '0+' }),
    }),
    strict: bool('0+'),
  },
);
export type DescribeClientQuotasRequest = Infer<typeof DescribeClientQuotasRequest>;

/** The quotas; a null name is the default's. */
export const DescribeClientQuotasResponse = message(
  'DescribeClientQuotasResponse',
  { versions: '0-1', flexible: '1+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    entries: list(
      '0+',
      { nullable: '0+' },
      {
        entity: list('0+', {
          entityType: string('0+'),
          entityName: string('0+', { nullable: '0+' }),
        }),
        values: list('0+', {
          key: string('0+'),
          value: float64('0+'),
        }),
      },
    ),
  },
);
export type DescribeClientQuotasResponse = Infer<typeof DescribeClientQuotasResponse>;

/** Sets and removes quotas (KIP-546). */
export const AlterClientQuotasRequest = message(
  'AlterClientQuotasRequest',
  { versions: '0-1', flexible: '1+' },
  {
    entries: list('0+', {
      entity: list('0+', {
        entityType: string('0+'),
        entityName: string('0+', { nullable: '0+' }),
      }),
      ops: list('0+', {
        key: string('0+'),
        value: float64('0+'),
        remove: bool('0+'),
      }),
    }),
    validateOnly: bool('0+'),
  },
);
export type AlterClientQuotasRequest = Infer<typeof AlterClientQuotasRequest>;

/** How it went, by what the quotas are for. */
export const AlterClientQuotasResponse = message(
  'AlterClientQuotasResponse',
  { versions: '0-1', flexible: '1+' },
  {
    throttleTimeMs: int32('0+'),
    entries: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      entity: list('0+', {
        entityType: string('0+'),
        entityName: string('0+', { nullable: '0+' }),
      }),
    }),
  },
);
export type AlterClientQuotasResponse = Infer<typeof AlterClientQuotasResponse>;
