import { type Infer, latin1, message, uint64 } from '../../wire/protobuf.ts';

/**
 * The next stretch of work on a namespace that is too much for one entry: keys to be counted, or rows of a removed one to be
 * cleared away. Proposed by leaders; it does nothing where the work has come further, so that one that is late, or there
 * twice, does no harm.
 */
export const NamespaceTurn = message('NamespaceTurn', {
  id: uint64(1),
  /** The key from which counting goes on; empty: the namespace is removed, and its rows go. */
  from: latin1(2),
});
export type NamespaceTurn = Infer<typeof NamespaceTurn>;
