import { type ImageFetchAct } from '../../../core/plasma/images/image-fetch.ts';
import { type Digest, type NodeName } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type PlasmaState } from '../state.ts';

/**
 * A fetch goes on where it stopped, whoever fetched before and whichever server is asked: each piece that is asked for begins where
 * what is on the node's disk ends, and what is there is thrown away only when it is not the beginning of the image. It counts
 * fetches that a later life of the agent goes on with.
 *
 * Not verified: that a piece is asked for once only; an answer that is lost is asked for again.
 */
export class FetchResumed implements PlasmaChecker {
  readonly name = 'fetch-resumed';
  /** By node and digest: the life of the agent that has last asked. */
  readonly #askedIn = new Map<string, number>();

  onImageAct(node: NodeName, digest: Digest, act: ImageFetchAct, { cloud, counts }: PlasmaState): void {
    const { machine, agent } = cloud.node(node);
    const there = machine.images.partial(digest);
    if (act.kind === 'askChunk') {
      const { fromByte } = act.request;
      if (fromByte !== there.length) {
        const detail = `${node} has ${there.length} bytes of ${digest}, and asks for those from ${fromByte} on`;
        throw new Violation('fetch-resumed', detail, 'not where it stopped');
      }
      const key = `${node} ${digest}`;
      const before = this.#askedIn.get(key);
      if (before !== undefined && before !== agent.boot && fromByte > 0) counts.fetchesResumed += 1;
      this.#askedIn.set(key, agent.boot);
    } else if (act.kind === 'discardPartial') {
      const image = cloud.images.original(digest);
      if (there.length > image.length || there.some((byte, at) => byte !== image[at])) return;
      const detail = `${node} throws ${there.length} bytes of ${digest} away, which are its beginning`;
      throw new Violation('fetch-resumed', detail, 'thrown away');
    }
  }
}
