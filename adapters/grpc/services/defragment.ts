import { DefragmentRequest, DefragmentResponse } from '../maintenance-messages.ts';
import { type Method, unary } from '../service.ts';

export interface Defragmenter {
  /** Resolves when the member's store has given back what it can. Rejects with a `StatusError`. */
  defragment(): Promise<void>;
}

/** `Maintenance.Defragment`. It goes on when its client has gone; whoever asks meanwhile gets the same answer. */
export function defragmentMethod(store: Defragmenter): Method {
  return unary('/etcdserverpb.Maintenance/Defragment', DefragmentRequest, DefragmentResponse, async () => {
    await store.defragment();
    return DefragmentResponse.create();
  });
}
