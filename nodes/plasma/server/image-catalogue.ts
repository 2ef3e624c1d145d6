import { Chainfire } from '../../../adapters/client/chainfire.ts';
import { type GrpcChainfireClient } from '../../../adapters/grpc/client.ts';
import { decodeRow } from '../../../core/plasma/control-plane/row-codec.ts';
import { type Digest } from '../../../core/plasma/types.ts';

const readTimeoutMs = 5_000;
const folder = 'images/';

/**
 * Which images the catalogue names, read from the store: so a server knows it that does not lead, and neither does whoever leads
 * know which bytes are where.
 *
 * @throws ChainfireError, or ShapeError for a row that is none
 */
export async function readCatalogue(
  client: GrpcChainfireClient,
  prefix: string,
  signal: AbortSignal,
): Promise<ReadonlySet<Digest>> {
  const digests = new Set<Digest>();
  const store = new Chainfire(client, { timeoutMs: readTimeoutMs });
  for await (const { key, value } of store.prefix(prefix + folder)) {
    signal.throwIfAborted();
    digests.add(decodeRow('images', key.slice(prefix.length + folder.length), value).digest);
  }
  return digests;
}
