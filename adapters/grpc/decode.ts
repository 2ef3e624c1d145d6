import { WireError } from '../../core/wire/reader.ts';
import { type Codec } from './service.ts';
import { StatusError } from './status.ts';

/** Decodes, or says what was malformed with the status that gRPC prescribes for it. */
export function decodeOrRefuse<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new StatusError('INTERNAL', `grpc: error unmarshalling ${codec.name}: ${error.message}`);
  }
}
