import { type Infer, bool, int16, int32, int8, list, message, string } from '../schema.ts';

/** Asks for settings of topics and brokers; null keys mean all (KIP-133, KIP-226). */
export const DescribeConfigsRequest = message(
  'DescribeConfigsRequest',
  { versions: '0-4', flexible: '4+' },
  {
    resources: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configurationKeys: list('0+', { nullable: '0+' }, string),
    }),
    includeSynonyms: bool('1+'),
    includeDocumentation: bool('3+'),
  },
);
export type DescribeConfigsRequest = Infer<typeof DescribeConfigsRequest>;

/** The settings with where each comes from. */
export const DescribeConfigsResponse = message(
  'DescribeConfigsResponse',
  { versions: '0-4', flexible: '4+' },
  {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: list('0+', {
        name: string('0+'),
        value: string('0+', { nullable: '0+' }),
        readOnly: bool('0+'),
        isDefault: bool('0'),
        configSource: int8('1+', { ignorable: true, default: -1 }),
        isSensitive: bool('0+'),
        synonyms: list(
          '1+',
          { ignorable: true },
          {
            name: string('1+'),
            value: string('1+', { nullable: '0+' }),
            source: int8('1+'),
          },
        ),
        configType: int8('3+', { ignorable: true }),
        documentation: string('3+', { nullable: '0+', ignorable: true }),
      }),
    }),
  },
);
export type DescribeConfigsResponse = Infer<typeof DescribeConfigsResponse>;

/** Replaces all settings of a resource (KIP-133). */
export const AlterConfigsRequest = message(
  'AlterConfigsRequest',
  { versions: '0-2', flexible: '2+' },
  {
    resources: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: list('0+', {
        name: string('0+'),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    validateOnly: bool('0+'),
  },
);
export type AlterConfigsRequest = Infer<typeof AlterConfigsRequest>;

/** How it went, by resource. */
export const AlterConfigsResponse = message(
  'AlterConfigsResponse',
  { versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    responses: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
    }),
  },
);
export type AlterConfigsResponse = Infer<typeof AlterConfigsResponse>;

/** Changes single settings: 0 sets, 1 deletes, 2 appends to a list, 3 subtracts from it (KIP-339). */
export const IncrementalAlterConfigsRequest = message(
  'IncrementalAlterConfigsRequest',
  { versions: '0-1', flexible: '1+' },
  {
    resources: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: list('0+', {
        name: string('0+'),
        configOperation: int8('0+'),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    validateOnly: bool('0+'),
  },
);
export type IncrementalAlterConfigsRequest = Infer<typeof IncrementalAlterConfigsRequest>;

/** How it went, by resource. */
export const IncrementalAlterConfigsResponse = message(
  'IncrementalAlterConfigsResponse',
  { versions: '0-1', flexible: '1+' },
  {
    throttleTimeMs: int32('0+'),
    responses: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
    }),
  },
);
export type IncrementalAlterConfigsResponse = Infer<typeof IncrementalAlterConfigsResponse>;
