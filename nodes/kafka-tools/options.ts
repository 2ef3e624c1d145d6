import { type Command, InvalidArgumentError, Option } from 'commander';

import { type SaslMechanism, saslMechanisms } from '../../adapters/kafka/client/options.ts';

/** What every command that asks brokers takes. */
export interface BrokerOptions {
  readonly brokers: string;
  readonly tls?: boolean;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
  readonly sasl: SaslMechanism;
  readonly timeout: number;
  readonly json?: boolean;
}

export function withBrokers(command: Command): Command {
  return command
    .addOption(
      new Option('--brokers <list>', 'brokers to ask first, host:port,host:port')
        .default('127.0.0.1:9092')
        .env('PHOTON_KAFKA_BROKERS'),
    )
    .option('--tls', 'speak TLS, with brokers that the authorities of the system vouch for')
    .addOption(
      new Option('--cacert <file>', 'speak TLS, with brokers that this authority vouches for').env(
        'PHOTON_KAFKA_CACERT',
      ),
    )
    .addOption(
      new Option('--cert <file>', 'certificate to show over TLS; with --key').env('PHOTON_KAFKA_CERT'),
    )
    .addOption(new Option('--key <file>', 'private key of --cert').env('PHOTON_KAFKA_KEY'))
    .addOption(
      new Option('--user <name[:password]>', 'log in as; without a password it is asked for').env(
        'PHOTON_KAFKA_USER',
      ),
    )
    .addOption(
      new Option('--sasl <mechanism>', 'how to log in')
        .choices(saslMechanisms)
        .default('SCRAM-SHA-512')
        .env('PHOTON_KAFKA_SASL'),
    )
    .addOption(new Option('--timeout <seconds>', 'how long to try a call').default(15).argParser(integer(1)))
    .option('--json', 'print JSON');
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < min || value > max) {
      const bound = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
      throw new InvalidArgumentError(`it must be an integer of ${bound}.`);
    }
    return value;
  };
}

/** `1,2,3` */
export function integers(text: string): readonly number[] {
  return text.split(',').map(integer(0, 2_147_483_647));
}

/** For options that may be given again: what was given before, and this. */
export function repeated(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** `name=value`, given again for each. */
export function settings(text: string, before: readonly (readonly [string, string])[] | undefined) {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('it must be name=value.');
  return [...(before ?? []), [text.slice(0, at), text.slice(at + 1)] as const];
}

export interface TopicAndPartition {
  readonly topic: string;
  /** Undefined: all of them. */
  readonly partition: number | undefined;
}

/** `topic` or `topic:partition`. */
export function topicAndPartition(text: string): TopicAndPartition {
  const match = /^([a-zA-Z0-9._-]{1,249})(?::([0-9]{1,9}))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('it must be topic or topic:partition.');
  return { topic: match[1] as string, partition: match[2] === undefined ? undefined : Number(match[2]) };
}
