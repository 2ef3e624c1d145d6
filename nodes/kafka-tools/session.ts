import { parseAddress } from '../../adapters/config/address.ts';
import { KafkaCluster } from '../../adapters/kafka/client/cluster.ts';
import { KafkaClientError } from '../../adapters/kafka/client/errors.ts';
import { type ClientTls, type KafkaClientOptions } from '../../adapters/kafka/client/options.ts';
import { readCertificates, readKeyPair } from '../../adapters/tls/pem-files.ts';
import { WireError } from '../../core/wire/reader.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { userOf } from '../kv/user.ts';
import { type BrokerOptions } from './options.ts';

const clientId = 'photon';

/**
 * Runs with a cluster to ask, and closes what was opened.
 *
 * @param command who asks, for errors
 * @throws ExitError where the client throws its own
 */
export async function withCluster<T>(
  options: BrokerOptions,
  command: string,
  run: (cluster: KafkaCluster) => Promise<T>,
): Promise<T> {
  const cluster = new KafkaCluster(await clientOptions(options, command));
  try {
    return await run(cluster);
  } catch (error) {
    if (error instanceof KafkaClientError) throw exitErrorOf(error, command);
    if (error instanceof WireError) {
      throw new ExitError(`${command}: ${error.message}`, exitCodes.failed, { cause: error });
    }
    throw error;
  } finally {
    cluster.close();
  }
}

async function clientOptions(options: BrokerOptions, command: string): Promise<KafkaClientOptions> {
  const bootstrap = options.brokers.split(',').map((part) => {
    const address = parseAddress(part);
    if (address !== undefined && address.port !== 0) return address;
    throw new ExitError(`${command}: broker ${JSON.stringify(part)} is not host:port`, exitCodes.refused);
  });
  const tls = tlsOf(options, command);
  const user = await userOf(options.user, command);
  return {
    bootstrap,
    clientId,
    timeoutMs: options.timeout * 1_000,
    tls,
    sasl: user === undefined ? undefined : { mechanism: options.sasl, ...user },
  };
}

function tlsOf({ tls, cacert, cert, key }: BrokerOptions, command: string): ClientTls | undefined {
  if ((cert === undefined) !== (key === undefined)) {
    throw new ExitError(`${command}: --cert and --key belong together`, exitCodes.refused);
  }
  if (tls !== true && cacert === undefined && cert === undefined) return undefined;
  try {
    return {
      ...(cacert === undefined ? {} : { ca: readCertificates(cacert) }),
      ...(cert === undefined || key === undefined ? {} : readKeyPair(cert, key)),
    };
  } catch (error) {
    throw new ExitError(`${command}: ${(error as Error).message}`, exitCodes.refused, { cause: error });
  }
}

export function exitErrorOf(error: KafkaClientError, command: string): ExitError {
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
