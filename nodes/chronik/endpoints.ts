import { type Address } from '../../adapters/config/address.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { type Endpoint } from '../../core/chronik/broker-protocol.ts';
import { type AdvertisedSetting, type ListenerSetting } from './listener-setting.ts';

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::', '::0']);

/**
 * Where clients are told to find each listener.
 *
 * @param listening the addresses that were had, in the order of the listeners
 * @throws ConfigError naming the listener that is nowhere, or is not there
 */
export function endpointsOf(
  listeners: readonly ListenerSetting[],
  advertised: readonly AdvertisedSetting[] | undefined,
  listening: readonly Address[] = listeners,
): readonly Endpoint[] {
  const given = advertised ?? [];
  for (const { listener } of given) {
    if (listener === undefined && listeners.length > 1) {
      throw new ConfigError(
        `advertised_client must say for which listener: there are ${listeners.map(({ name }) => name).join(', ')}`,
      );
    }
    if (listener !== undefined && listeners.every(({ name }) => name !== listener)) {
      throw new ConfigError(
        `advertised_client names the listener ${listener}; listen_client has ${listeners.map(({ name }) => name).join(', ')}`,
      );
    }
  }
  return listeners.map(({ name, protocol, host, port }, position) => {
    const told = given.find(({ listener }) => listener === undefined || listener === name);
    if (told === undefined && everywhere.has(host)) {
      throw new ConfigError(
        `listen_client has ${name} on ${host}, where no client finds it: give advertised_client ${name}=<host:port>`,
      );
    }
    const found = told ?? { host, port: listening[position]?.port ?? port };
    return { listener: name, host: found.host, port: found.port, securityProtocol: protocol };
  });
}
