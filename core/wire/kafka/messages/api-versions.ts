import { type Infer, bool, int16, int32, int64, list, message, string } from '../schema.ts';

/** Asks which versions of which APIs a broker speaks; names the client's software (KIP-35, KIP-511). */
export const ApiVersionsRequest = message(
  'ApiVersionsRequest',
  { versions: '0-4', flexible: '3+' },
  {
    clientSoftwareName: string('3+', { ignorable: true }),
    clientSoftwareVersion: string('3+', { ignorable: true }),
  },
);
export type ApiVersionsRequest = Infer<typeof ApiVersionsRequest>;

/** The versions. Version 0 is what a client gets whose version is unknown. The header is never flexible. */
export const ApiVersionsResponse = message(
  'ApiVersionsResponse',
  { versions: '0-4', flexible: '3+' },
  {
    errorCode: int16('0+'),
    apiKeys: list('0+', {
      apiKey: int16('0+'),
      minVersion: int16('0+'),
      maxVersion: int16('0+'),
    }),
    throttleTimeMs: int32('1+', { ignorable: true }),
    supportedFeatures: list(
      '3+',
      { tag: 0, ignorable: true },
      {
        name: string('3+'),
        minVersion: int16('3+'),
        maxVersion: int16('3+'),
      },
    ),
    finalizedFeaturesEpoch: int64('3+', { tag: 1, ignorable: true, default: -1 }),
    finalizedFeatures: list(
      '3+',
      { tag: 2, ignorable: true },
      {
        name: string('3+'),
        maxVersionLevel: int16('3+'),
        minVersionLevel: int16('3+'),
      },
    ),
    zkMigrationReady: bool('3+', { tag: 3, ignorable: true }),
  },
);
export type ApiVersionsResponse = Infer<typeof ApiVersionsResponse>;
