import { Chainfire } from '../../adapters/client/chainfire.ts';
import { ChainfireError, errorOfOutcome } from '../../adapters/client/errors.ts';
import { systemPrng } from '../../adapters/client/system-prng.ts';
import { type Address, parseAddress } from '../../adapters/config/address.ts';
import { type ClientCredentials, GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { type ResponseOf } from '../../adapters/grpc/member-methods.ts';
import { readCertificates, readKeyPair } from '../../adapters/tls/pem-files.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { userOf } from './user.ts';

/** Options that every `photon kv` command has. */
export interface ConnectionOptions {
  readonly endpoints: string;
  readonly timeout: number;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  /** `name` or `name:password`. */
  readonly user?: string;
}

/** Both sides of one connection: the library, and what lies below it. */
export interface Session {
  readonly client: GrpcChainfireClient;
  readonly db: Chainfire;
}

/**
 * Runs with a connection, and closes it.
 *
 * @param command who asks, for errors
 * @throws ExitError where the library throws its own
 */
export async function withSession<T>(
  options: ConnectionOptions,
  run: (session: Session) => Promise<T>,
  command = 'photon kv',
): Promise<T> {
  const endpoints = endpointsOf(options.endpoints, command);
  const user = await userOf(options.user, command);
  const tls = credentialsOf(options, command);
  const client = new GrpcChainfireClient({ endpoints, prng: systemPrng, tls, user });
  try {
    return await run({ client, db: new Chainfire(client, { timeoutMs: options.timeout * 1_000 }) });
  } catch (error) {
    if (error instanceof ChainfireError) throw exitErrorOf(error, command);
    throw error;
  } finally {
    client.close();
  }
}

/** Asks once and closes. @throws ExitError for every outcome but an answer */
export function askOnce<Request extends MemberRequest>(
  options: ConnectionOptions,
  request: Request,
  command?: string,
): Promise<ResponseOf<Request['kind']>> {
  return withSession(
    options,
    async ({ client }) => {
      const outcome = await client.call(request, options.timeout * 1_000);
      if (outcome.kind !== 'answered') throw errorOfOutcome(outcome);
      return outcome.response.response as ResponseOf<Request['kind']>;
    },
    command,
  );
}

function exitErrorOf(error: ChainfireError, command: string): ExitError {
  const cause = { cause: error };
  switch (error.outcome) {
    case 'refused':
      return new ExitError(`${command}: refused: ${error.message}`, exitCodes.failed, cause);
    case 'failed':
      return new ExitError(`${command}: not done: ${error.message}`, exitCodes.failed, cause);
    case 'unknown':
      return new ExitError(
        `${command}: nobody knows whether it was done: ${error.message}`,
        exitCodes.unknown,
        cause,
      );
  }
}

/**
 * An `https` endpoint asks for TLS as well, with the authorities of the system.
 *
 * @param command who asks, for the error
 */
export function credentialsOf(
  { endpoints, cacert, cert, key }: Omit<ConnectionOptions, 'timeout'>,
  command = 'photon kv',
): ClientCredentials | undefined {
  if ((cert === undefined) !== (key === undefined)) {
    throw new ExitError(`${command}: --cert and --key belong together`, exitCodes.refused);
  }
  if (cacert === undefined && cert === undefined && !/(^|,)https:/.test(endpoints)) return undefined;
  try {
    return {
      ...(cacert === undefined ? {} : { ca: readCertificates(cacert) }),
      ...(cert === undefined || key === undefined ? {} : readKeyPair(cert, key)),
    };
  } catch (error) {
    throw new ExitError(`${command}: ${(error as Error).message}`, exitCodes.refused, { cause: error });
  }
}

/** @param command who asks, for the error */
export function endpointsOf(text: string, command = 'photon kv'): readonly Address[] {
  return text.split(',').map((part) => {
    const address = parseAddress(part);
    if (address === undefined || address.port === 0) {
      throw new ExitError(`${command}: endpoint ${JSON.stringify(part)} is not host:port`, exitCodes.refused);
    }
    return address;
  });
}
