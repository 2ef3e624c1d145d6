import { bytesPerKib } from '../core/base/units.ts';
import { between, type Prng } from '../core/base/prng.ts';
import {
  NamespaceListRequest,
  NamespacePutRequest,
  NamespaceRemoveRequest,
} from '../core/chainfire/api/namespace.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';

/** Some lie beside each other, one holds others' keys, one has leases' keys; a name may find its prefix taken. */
const all = { name: 'all', prefix: 'key/' } as const;
const known = [
  { name: 'zero', prefix: 'key/0' },
  { name: 'one', prefix: 'key/1' },
  { name: 'others', prefix: 'key/2' },
  all,
  { name: 'leases', prefix: 'lease/' },
  { name: 'shared', prefix: 'lease/shared-' },
] as const;

/** Where values are of that size, one turn counts only some of all keys. */
const largeValueBytes = 8 * bytesPerKib;

/**
 * What an operator does next: namespaces come and go, over keys that are there, and their limits rise and fall, below what is
 * there too. Where values are large, it is all keys that are counted anew again and again, in turns. Of watches only what is
 * not all keys is limited: whoever looks at everything in the end must be let.
 */
export function drawNamespaceRequest(
  prng: Prng,
  { keys, valueBytesMax = 0 }: { readonly keys: number; readonly valueBytesMax?: number | undefined },
): MemberRequest {
  const isLarge = valueBytesMax >= largeValueBytes;
  const { name, prefix } = isLarge ? all : (known[prng.below(known.length)] ?? all);
  const kind = prng.below(8);
  if (kind === 1) return { kind: 'namespaceList', request: NamespaceListRequest.create() };
  if (kind === 0 || (isLarge && kind < 4)) {
    return { kind: 'namespaceRemove', request: NamespaceRemoveRequest.create({ name }) };
  }
  const limit = (most: number): number => (prng.chance(1, 2) ? 0 : between(prng, 1, most));
  const keysMost = isLarge ? keys : 10;
  const bytes = limit(keysMost * Math.max(30, Math.ceil(valueBytesMax / 2)));
  const limits = { bytes, keys: limit(keysMost), leases: limit(3), watches: name === 'all' ? 0 : limit(3) };
  return { kind: 'namespacePut', request: NamespacePutRequest.create({ name, prefix, limits }) };
}
