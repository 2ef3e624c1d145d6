import { refused } from '../../base/refusal.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { type CommandOf, type ScramDeletion, type ScramUpsertion } from './commands.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { shown } from './refusals.ts';
import { keyTextBytesMax } from './row-keys.ts';
import { type MetadataState } from './state.ts';

/** Kafka's numbers of the mechanisms (KIP-554), and how long the keys of each are. */
export const scramMechanisms = { sha256: 1, sha512: 2 } as const;
const keyBytes: ReadonlyMap<number, number> = new Map([
  [scramMechanisms.sha256, 32],
  [scramMechanisms.sha512, 64],
]);

/** Fewer are too easily guessed (RFC 7677), more would let anybody keep a broker busy. */
export const scramIterationsMin = 4_096;
export const scramIterationsMax = 16_384;
const saltBytesMax = 1_024;

/** What is asked for one user is done whole or not at all; users do not depend on each other. */
export function alterScramCredentials(
  state: MetadataState,
  { deletions, upsertions }: CommandOf<'alterScramCredentials'>,
  limits: MetadataLimits,
): MetadataResults['alterScramCredentials'] {
  const users = [...new Set([...deletions, ...upsertions].map(({ user }) => user))];
  return {
    users: users.map((user) => {
      const own = {
        deletions: deletions.filter((deletion) => deletion.user === user),
        upsertions: upsertions.filter((upsertion) => upsertion.user === user),
      };
      const refusal = refuseUser(state, user, own, limits);
      if (refusal !== undefined) return { user, refusal };
      for (const { mechanism } of own.deletions) state.security.removeCredential(user, mechanism);
      for (const upsertion of own.upsertions) state.security.putCredential(copied(upsertion));
      return { user, refusal };
    }),
  };
}

/** Of its own: what was decoded shows into the entry that it came in. */
function copied(upsertion: ScramUpsertion): ScramUpsertion {
  const { salt, storedKey, serverKey } = upsertion;
  return { ...upsertion, salt: salt.slice(), storedKey: storedKey.slice(), serverKey: serverKey.slice() };
}

function refuseUser(
  state: MetadataState,
  user: string,
  own: { readonly deletions: readonly ScramDeletion[]; readonly upsertions: readonly ScramUpsertion[] },
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  if (user === '' || utf8LengthOf(user) > keyTextBytesMax) {
    return refused('UNACCEPTABLE_CREDENTIAL', `a user's name has 1 to ${keyTextBytesMax} bytes`);
  }
  const named = [...own.deletions, ...own.upsertions].map(({ mechanism }) => mechanism);
  const unknown = named.find((mechanism) => !keyBytes.has(mechanism));
  if (unknown !== undefined) {
    const message = `mechanism ${unknown} is neither 1 (SCRAM-SHA-256) nor 2 (SCRAM-SHA-512)`;
    return refused('UNSUPPORTED_SASL_MECHANISM', message);
  }
  if (new Set(named).size < named.length) {
    return refused('DUPLICATE_RESOURCE', `a credential of user ${shown(user)} is changed twice`);
  }
  for (const { mechanism } of own.deletions) {
    if (state.scramCredential(user, mechanism) !== undefined) continue;
    const message = `user ${shown(user)} has no credential for mechanism ${mechanism}`;
    return refused('RESOURCE_NOT_FOUND', message);
  }
  for (const upsertion of own.upsertions) {
    const refusal = refuseUpsertion(upsertion);
    if (refusal !== undefined) return refusal;
  }
  const added = own.upsertions.filter(
    ({ mechanism }) => state.scramCredential(user, mechanism) === undefined,
  );
  if (state.security.credentialCount + added.length > limits.scramCredentialsMax) {
    return refused('POLICY_VIOLATION', `a cluster has ${limits.scramCredentialsMax} credentials at most`);
  }
  return undefined;
}

function refuseUpsertion(upsertion: ScramUpsertion): MetadataRefusal | undefined {
  const { mechanism, iterations, salt, storedKey, serverKey } = upsertion;
  if (iterations < scramIterationsMin || iterations > scramIterationsMax) {
    const message = `iterations are ${scramIterationsMin} to ${scramIterationsMax}, not ${iterations}`;
    return refused('UNACCEPTABLE_CREDENTIAL', message);
  }
  if (salt.length === 0 || salt.length > saltBytesMax) {
    return refused('UNACCEPTABLE_CREDENTIAL', `a salt has 1 to ${saltBytesMax} bytes, not ${salt.length}`);
  }
  const wanted = keyBytes.get(mechanism);
  if (storedKey.length === wanted && serverKey.length === wanted) return undefined;
  const message = `keys of mechanism ${mechanism} have ${wanted} bytes, not ${storedKey.length} and ${serverKey.length}`;
  return refused('UNACCEPTABLE_CREDENTIAL', message);
}
