import { refused } from '../../base/refusal.ts';
import { type NamespacePutRequest } from '../api/namespace.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { escapedBytes, keyBytesMax } from '../mvcc/keys.ts';

/** A look-up goes by their number's logarithm; a definition, by their number. */
export const namespacesMax = 10_000;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

/** What a definition says wrong, whatever the state is: found before anything is proposed. */
export function checkNamespacePut({ name, prefix }: NamespacePutRequest): MemberRefusal | undefined {
  if (!namePattern.test(name)) {
    return refused(
      'INVALID_NAMESPACE',
      `etcdserver: namespace name ${JSON.stringify(name.slice(0, 256))} is not valid: 1 to 128 of A-Z a-z 0-9 . _ / -, ` +
        'the first a letter or a digit',
    );
  }
  const bytes = escapedBytes(prefix);
  if (bytes > keyBytesMax) {
    return refused(
      'INVALID_NAMESPACE',
      `etcdserver: the prefix of namespace ${name} takes ${bytes} bytes, zero bytes counted twice; at most ${keyBytesMax} ` +
        'are allowed',
    );
  }
  return undefined;
}

export function notFound(name: string): MemberRefusal {
  return refused(
    'NAMESPACE_NOT_FOUND',
    `etcdserver: namespace ${JSON.stringify(name.slice(0, 256))} not found`,
  );
}
