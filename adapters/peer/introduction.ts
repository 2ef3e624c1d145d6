import { type Address } from '../config/address.ts';
import { FrameSocket } from './frame-socket.ts';
import { type Dial, reasonOf } from './link.ts';
import { type Enquiry, enquiryHello, frameKinds, Hello, introductionBytesMax } from './protocol.ts';

export interface IntroductionOptions {
  readonly address: Address;
  readonly dial: Dial;
  readonly purpose: Enquiry;
  /** The cluster of which is asked; undefined: whatever the other belongs to. */
  readonly clusterId: bigint | undefined;
  readonly timeoutMs: number;
  /** Nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Asks a member for its cluster: what one that is to join it needs to know.
 *
 * @returns what the system behind it encoded
 * @throws Error saying why there is no answer
 */
export function askForIntroduction(options: IntroductionOptions): Promise<Uint8Array> {
  const { address, dial, purpose, clusterId, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const socket = new FrameSocket(dial(address), {
      frame: (kind, payload) => {
        if (kind === frameKinds.introduction) end(() => resolve(payload));
        else if (kind === frameKinds.refused) end(() => reject(new Error(reasonOf(payload))));
        else end(() => reject(new Error(`it answers with a frame of kind ${kind}`)));
      },
      closed: (reason) => end(() => reject(new Error(reason))),
    });
    const timer = setTimeout(() => {
      end(() => reject(new Error(`it does not answer for ${timeoutMs} ms`)));
    }, timeoutMs);
    const onAbort = (): void => end(() => reject(new Error('nobody waits for the answer any more')));
    signal.addEventListener('abort', onAbort);
    function end(settle: () => void): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    }
    socket.frameBytesMax = introductionBytesMax;
    socket.write(frameKinds.hello, Hello.encode(enquiryHello(purpose, clusterId)));
  });
}
