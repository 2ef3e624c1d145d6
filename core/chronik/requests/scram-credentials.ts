import { scramKeys } from '../../base/scram-keys.ts';
import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type AlterUserScramCredentialsRequest,
  type DescribeUserScramCredentialsRequest,
  type DescribeUserScramCredentialsResponse,
} from '../../wire/kafka/messages/security.ts';
import { scramMechanisms } from '../scram.ts';
import { createCommand, type ScramUpsertion } from '../metadata/commands.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { type ErrorFields, errorOf, errorOfOutcome, noError } from './errors.ts';

type Described = DescribeUserScramCredentialsResponse['results'][number];

const denied: ErrorFields = { errorCode: kafkaErrors.CLUSTER_AUTHORIZATION_FAILED, errorMessage: undefined };
const named: readonly number[] = Object.values(scramMechanisms);

/** DescribeUserScramCredentials (KIP-554): who has which; never the credentials themselves. */
export function describeUserScramCredentials(
  context: RequestContext,
  { requestId, body, client }: Arrival<DescribeUserScramCredentialsRequest>,
): void {
  const answer = (error: ErrorFields, results: readonly Described[]): void => {
    const whole = { throttleTimeMs: 0, ...error, results };
    context.answer<'describeUserScramCredentials'>(requestId, whole, 0);
  };
  if (!context.authorization.allowsCluster(client, 'describe')) {
    answer(denied, []);
    return;
  }
  const infos = new Map<string, Described['credentialInfos'][number][]>();
  for (const { user, mechanism, iterations } of context.image.scramCredentials()) {
    const known = infos.get(user);
    if (known === undefined) infos.set(user, [{ mechanism, iterations }]);
    else known.push({ mechanism, iterations });
  }
  const isAll = body.users === undefined || body.users.length === 0;
  const users = isAll ? [...infos.keys()] : (body.users ?? []).map(({ name }) => name);
  const results = users.map((user, at): Described => {
    const credentialInfos = infos.get(user);
    const isTwice = users.indexOf(user) !== at;
    if (isTwice) return { user, ...duplicate(user), credentialInfos: [] };
    if (credentialInfos === undefined) return { user, ...unknownUser(user), credentialInfos: [] };
    return { user, ...noError, credentialInfos };
  });
  answer(noError, results);
}

/** AlterUserScramCredentials: what proves a password is kept, never what it could be guessed from faster. */
export function alterUserScramCredentials(
  context: RequestContext,
  { requestId, body, client }: Arrival<AlterUserScramCredentialsRequest>,
): void {
  const users = [
    ...new Set([...body.deletions.map(({ name }) => name), ...body.upsertions.map(({ name }) => name)]),
  ];
  const answer = (errors: (user: string) => ErrorFields): void => {
    const results = users.map((user) => ({ user, ...errors(user) }));
    context.answer<'alterUserScramCredentials'>(requestId, { throttleTimeMs: 0, results }, 0);
  };
  if (!context.authorization.allowsCluster(client, 'alter')) {
    answer(() => denied);
    return;
  }
  const deletions = body.deletions.map(({ name, mechanism }) => ({ user: name, mechanism }));
  const upsertions = body.upsertions.map(upsertionOf);
  context.propose(createCommand('alterScramCredentials', { deletions, upsertions }), (outcome) => {
    const done =
      outcome.kind === 'done' && outcome.result.command === 'alterScramCredentials'
        ? outcome.result.users
        : undefined;
    answer((user) => {
      if (done === undefined) return errorOfOutcome(outcome);
      return errorOf(done.find((one) => one.user === user)?.refusal);
    });
  });
}

function upsertionOf({
  name,
  mechanism,
  iterations,
  salt,
  saltedPassword,
}: AlterUserScramCredentialsRequest['upsertions'][number]): ScramUpsertion {
  // Of a mechanism that nobody knows no keys can be made: the metadata refuses it by its number.
  const keys = named.includes(mechanism)
    ? scramKeys(mechanism === scramMechanisms['SCRAM-SHA-256'] ? 'sha256' : 'sha512', saltedPassword)
    : { storedKey: saltedPassword, serverKey: saltedPassword };
  return { user: name, mechanism, iterations, salt, ...keys };
}

function unknownUser(user: string): ErrorFields {
  const errorMessage = `the user ${user} has no credentials`;
  return { errorCode: kafkaErrors.RESOURCE_NOT_FOUND, errorMessage };
}

function duplicate(user: string): ErrorFields {
  return {
    errorCode: kafkaErrors.DUPLICATE_RESOURCE,
    errorMessage: `the user ${user} is named twice in this request`,
  };
}
