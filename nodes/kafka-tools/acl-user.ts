import { pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

import { Command, Option } from 'commander';

import { refusedBy } from '../../adapters/kafka/client/errors.ts';
import { apis, type RequestOf } from '../../core/wire/kafka/apis.ts';
import { kafkaErrorOf } from '../../core/wire/kafka/error-codes.ts';
import { userOf } from '../kv/user.ts';
import { type BrokerOptions, integer, withBrokers } from './options.ts';
import { retriableOf } from './parts.ts';
import { printJson, printOutcomes, printTable } from './print.ts';
import { withCluster } from './session.ts';

/** Numbers of the protocol (KIP-554), and what each derives. */
const mechanisms = {
  'SCRAM-SHA-256': { number: 1, hash: 'sha256', lengthBytes: 32 },
  'SCRAM-SHA-512': { number: 2, hash: 'sha512', lengthBytes: 64 },
} as const;
type Mechanism = keyof typeof mechanisms;
const mechanismNames = Object.keys(mechanisms) as readonly Mechanism[];

/** Kafka's bounds. */
const iterationsMin = 4_096;
const iterationsMax = 16_384;
const saltBytes = 24;
const derive = promisify(pbkdf2);

interface UserOptions extends BrokerOptions {
  readonly mechanism: readonly Mechanism[];
}

/** Who may log in: names and passwords that the cluster keeps itself. */
export function aclUserCommand(): Command {
  const user = new Command('user').description('say who may log in with SCRAM').addHelpText(
    'after',
    `
The password is salted here: the brokers never see it. Without one in the argument it is asked for.

Examples:
  photon acl user set alice
  photon acl user set alice:secret --mechanism SCRAM-SHA-256
  photon acl user list
  photon acl user remove alice
`,
  );
  for (const command of [setCommand(), listCommand(), removeCommand()]) user.addCommand(withBrokers(command));
  return user;
}

function mechanismOption(): Option {
  return new Option('--mechanism <name...>', 'for which mechanisms; default: for both').choices(
    mechanismNames,
  );
}

function setCommand(): Command {
  interface Options extends Omit<UserOptions, 'mechanism'> {
    readonly mechanism?: readonly Mechanism[];
    readonly iterations: number;
  }
  const name = 'photon acl user set';
  return new Command('set')
    .description('give a user a password, or another one')
    .argument('<name[:password]>')
    .addOption(mechanismOption())
    .addOption(
      new Option('--iterations <count>', 'how hard it is to guess')
        .default(iterationsMin)
        .argParser(integer(iterationsMin, iterationsMax)),
    )
    .action(async (text: string, options: Options) => {
      const user = await userOf(text, name);
      if (user === undefined) return;
      const { iterations } = options;
      const alterations = await Promise.all(
        (options.mechanism ?? mechanismNames).map(async (mechanism) => {
          const { number, hash, lengthBytes } = mechanisms[mechanism];
          const salt = randomBytes(saltBytes);
          const saltedPassword = await derive(user.password, salt, iterations, lengthBytes, hash);
          const upsertion = { name: user.name, mechanism: number, iterations, salt, saltedPassword };
          return { upsertions: [upsertion], deletions: [] };
        }),
      );
      await alter(options, name, { user: user.name, alterations }, 'set');
    });
}

function removeCommand(): Command {
  const name = 'photon acl user remove';
  return new Command('remove')
    .description('let a user log in no more')
    .argument('<name>')
    .addOption(mechanismOption())
    .action(async (user: string, options: Partial<Pick<UserOptions, 'mechanism'>> & BrokerOptions) => {
      const wanted =
        options.mechanism?.map((mechanism) => mechanisms[mechanism].number) ??
        (await credentialsOf(options, name, user)).flatMap(({ infos }) => infos.map(({ number }) => number));
      const alterations = wanted.map((mechanism) => ({
        upsertions: [],
        deletions: [{ name: user, mechanism }],
      }));
      await alter(options, name, { user, alterations }, 'removed');
    });
}

type Alterations = Pick<RequestOf<'alterUserScramCredentials'>, 'upsertions' | 'deletions'>;

/** One after the other: Kafka's brokers take a user once in a request. */
function alter(
  options: BrokerOptions,
  command: string,
  { user, alterations }: { readonly user: string; readonly alterations: readonly Alterations[] },
  done: string,
): Promise<void> {
  return withCluster(options, command, async (cluster) => {
    for (const body of alterations) {
      const answer = await cluster.call({ kind: 'controller' }, 'alterUserScramCredentials', body, {
        errorOf: ({ results }) => retriableOf(results),
        waitMs: options.timeout * 1_000,
      });
      for (const { errorCode, errorMessage } of answer.results) {
        if (errorCode !== 0) throw refusedBy(`user ${user}`, kafkaErrorOf(errorCode), errorMessage);
      }
    }
    printOutcomes([{ name: user, errorCode: 0 }], done, command, options.json === true);
  });
}

interface Credentials {
  readonly user: string;
  readonly infos: readonly {
    readonly mechanism: string;
    readonly number: number;
    readonly iterations: number;
  }[];
}

/** @param user undefined: all of them */
function credentialsOf(
  options: BrokerOptions,
  command: string,
  user?: string,
): Promise<readonly Credentials[]> {
  return withCluster(options, command, async (cluster) => {
    const body = apis.describeUserScramCredentials.request.create({
      users: user === undefined ? undefined : [{ name: user }],
    });
    const answer = await cluster.call({ kind: 'any' }, 'describeUserScramCredentials', body);
    return answer.results.map((result) => {
      const error = kafkaErrorOf(result.errorCode);
      if (error !== 'NONE') throw refusedBy(`user ${result.user}`, error, result.errorMessage);
      return {
        user: result.user,
        infos: result.credentialInfos.map(({ mechanism, iterations }) => ({
          mechanism:
            mechanismNames.find((name) => mechanisms[name].number === mechanism) ?? String(mechanism),
          number: mechanism,
          iterations,
        })),
      };
    });
  });
}

function listCommand(): Command {
  return new Command('list').description('print the users').action(async (options: BrokerOptions) => {
    const rows = (await credentialsOf(options, 'photon acl user list'))
      .flatMap(({ user, infos }) =>
        infos.map(({ mechanism, iterations }) => ({ user, mechanism, iterations })),
      )
      .sort((left, right) =>
        `${left.user} ${left.mechanism}` < `${right.user} ${right.mechanism}` ? -1 : 1,
      );
    if (options.json === true) printJson(rows);
    else
      printTable(
        ['USER', 'MECHANISM', 'ITERATIONS'],
        rows.map((row) => Object.values(row)),
      );
  });
}
