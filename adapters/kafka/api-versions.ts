import { type ApiName, apiNames, apis, type ResponseOf } from '../../core/wire/kafka/apis.ts';
import { apiVersionsOf } from '../../core/wire/kafka/calls.ts';
import { kafkaErrors } from '../../core/wire/kafka/error-codes.ts';
import { type ApiVersionsRequest } from '../../core/wire/kafka/messages/api-versions.ts';

/** Only a broker's own coordinators ask for it: no client is told of it, nor answered. */
const notForClients: ReadonlySet<ApiName> = new Set(['writeTxnMarkers']);

export const offeredApis: readonly ApiName[] = apiNames.filter((name) => !notForClients.has(name));

export function isOffered(api: ApiName): boolean {
  return !notForClients.has(api);
}

/** What a client says that it is (KIP-511). */
export interface ClientSoftware {
  readonly name: string;
  readonly version: string;
}

/** Names as they go into logs and metrics. */
const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const softwareCharsMax = 128;

/** What is spoken here; a client that names its software in another way than it must is refused. */
export function answerApiVersions(
  { clientSoftwareName: name, clientSoftwareVersion: version }: ApiVersionsRequest,
  requestVersion: number,
): { readonly body: ResponseOf<'apiVersions'>; readonly software: ClientSoftware | undefined } {
  const { response, flexibleFrom } = apis.apiVersions;
  if (requestVersion < flexibleFrom) return { body: supported(), software: undefined };
  if (![name, version].every((text) => text.length <= softwareCharsMax && softwarePattern.test(text))) {
    return { body: response.create({ errorCode: kafkaErrors.INVALID_REQUEST }), software: undefined };
  }
  return { body: supported(), software: { name, version } };
}

function supported(): ResponseOf<'apiVersions'> {
  return apis.apiVersions.response.create({ apiKeys: apiVersionsOf(offeredApis) });
}
