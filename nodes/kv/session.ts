import { randomBytes } from 'node:crypto';

import { type Address, parseAddress } from '../../adapters/config/address.ts';
import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { type ResponseOf } from '../../adapters/grpc/member-methods.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { seededPrng } from '../../sim/prng.ts';
import { exitCodes, ExitError } from '../exit.ts';

/** Options that every `photon kv` command has. */
export interface ConnectionOptions {
  readonly endpoints: string;
  readonly timeout: number;
}

/** Asks once and closes. @throws ExitError for every outcome but an answer */
export async function askOnce<Request extends MemberRequest>(
  options: ConnectionOptions,
  request: Request,
): Promise<ResponseOf<Request['kind']>> {
  const client = new GrpcChainfireClient({
    endpoints: endpointsOf(options.endpoints),
    prng: seededPrng(randomBytes(16).toString('hex')),
  });
  try {
    const outcome = await client.call(request, options.timeout * 1_000);
    switch (outcome.kind) {
      case 'answered':
        return outcome.response.response as ResponseOf<Request['kind']>;
      case 'refused':
        throw new ExitError(`photon kv: refused: ${outcome.refusal.message}`, exitCodes.failed);
      case 'failed':
        throw new ExitError(`photon kv: not done: ${outcome.reason}`, exitCodes.failed);
      case 'unknown':
        throw new ExitError(
          `photon kv: nobody knows whether it was done: ${outcome.reason}`,
          exitCodes.unknown,
        );
    }
  } finally {
    client.close();
  }
}

function endpointsOf(text: string): readonly Address[] {
  return text.split(',').map((part) => {
    const address = parseAddress(part);
    if (address === undefined || address.port === 0) {
      throw new ExitError(`photon kv: endpoint ${JSON.stringify(part)} is not host:port`, exitCodes.refused);
    }
    return address;
  });
}
