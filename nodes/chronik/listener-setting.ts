import { type Address, formatAddress, parseAddress } from '../../adapters/config/address.ts';
import { type ValueType } from '../../adapters/config/values.ts';
import { type SecurityProtocol } from '../../core/chronik/broker-protocol.ts';

/** A listener for clients, as a setting gives it. */
export interface ListenerSetting extends Address {
  /** The same on every broker: a client that came over it is sent to the other brokers' listeners of this name. */
  readonly name: string;
  readonly protocol: SecurityProtocol;
}

const protocols: Readonly<Record<string, SecurityProtocol>> = {
  plaintext: 'PLAINTEXT',
  tls: 'SSL',
  ssl: 'SSL',
  sasl_plaintext: 'SASL_PLAINTEXT',
  sasl_tls: 'SASL_SSL',
  sasl_ssl: 'SASL_SSL',
};
const words: Readonly<Record<SecurityProtocol, string>> = {
  PLAINTEXT: 'plaintext',
  SSL: 'tls',
  SASL_PLAINTEXT: 'sasl_plaintext',
  SASL_SSL: 'sasl_tls',
};
const listenersMax = 8;
const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

/** `plaintext://host:port,external=sasl_tls://host:port`: each name and each address once. In TOML also a list. */
export function listeners(): ValueType<readonly ListenerSetting[]> {
  const parse = (value: string): readonly ListenerSetting[] | undefined => collect(value.split(','));
  return {
    placeholder: '<[name=]protocol://host:port,…>',
    allowed:
      `a list of 1 to ${listenersMax} listeners [name=]protocol://host:port, each name and each address once, where the protocol is ` +
      'plaintext, tls, sasl_plaintext or sasl_tls; host:port alone is plaintext (in TOML also a list of strings)',
    parse,
    fromToml: (value) => {
      if (typeof value === 'string') return parse(value);
      return Array.isArray(value) && value.every((part) => typeof part === 'string')
        ? collect(value)
        : undefined;
    },
    format: (value) => value.map(formatListener).join(','),
  };
}

/** Where clients find a listener: `host:port`, or `name=host:port` where there are several. */
export interface AdvertisedSetting extends Address {
  /** Undefined: the only listener. */
  readonly listener: string | undefined;
}

export function advertisedAddresses(): ValueType<readonly AdvertisedSetting[]> {
  const parse = (value: string): readonly AdvertisedSetting[] | undefined => {
    const parts = value.split(',').map(parseAdvertised);
    const names = new Set(parts.map((part) => part?.listener));
    if (parts.length > listenersMax || names.size < parts.length || parts.includes(undefined))
      return undefined;
    return parts.length > 1 && names.has(undefined) ? undefined : (parts as readonly AdvertisedSetting[]);
  };
  return {
    placeholder: '<[listener=]host:port,…>',
    allowed: 'host:port, or a list listener=host:port with each listener once',
    parse,
    fromToml: (value) => (typeof value === 'string' ? parse(value) : undefined),
    format: (value) =>
      value
        .map((part) => `${part.listener === undefined ? '' : `${part.listener}=`}${formatAddress(part)}`)
        .join(','),
  };
}

function collect(texts: readonly string[]): readonly ListenerSetting[] | undefined {
  const found: ListenerSetting[] = [];
  for (const text of texts) {
    const listener = parseListener(text.trim());
    if (listener === undefined) return undefined;
    const clashes = found.some(
      (other) =>
        other.name === listener.name ||
        (listener.port !== 0 && formatAddress(other) === formatAddress(listener)),
    );
    if (clashes) return undefined;
    found.push(listener);
  }
  return found.length === 0 || found.length > listenersMax ? undefined : found;
}

function parseListener(text: string): ListenerSetting | undefined {
  const [, name, scheme = 'plaintext', where = ''] =
    /^(?:([^=:/]+)=)?(?:([A-Za-z_]+):\/\/)?(.*)$/.exec(text) ?? [];
  const protocol = Object.hasOwn(protocols, scheme.toLowerCase())
    ? protocols[scheme.toLowerCase()]
    : undefined;
  const address = where.includes('/') ? undefined : parseAddress(where);
  if (protocol === undefined || address === undefined) return undefined;
  if (name !== undefined && !namePattern.test(name)) return undefined;
  return { name: name ?? protocol, protocol, ...address };
}

function formatListener(listener: ListenerSetting): string {
  const name = listener.name === listener.protocol ? '' : `${listener.name}=`;
  return `${name}${words[listener.protocol]}://${formatAddress(listener)}`;
}

function parseAdvertised(text: string): AdvertisedSetting | undefined {
  const [, listener, where = ''] = /^(?:([^=:/]+)=)?(.*)$/.exec(text.trim()) ?? [];
  const address = where.includes('/') ? undefined : parseAddress(where);
  if (address === undefined || address.port === 0) return undefined;
  return { listener, ...address };
}
