import { type Enquiry, PeerRefusal } from '../../adapters/peer/protocol.ts';
import { Cancellation, type CancelSignal } from '../../adapters/runner/cancellation.ts';
import { RunnerError } from '../../adapters/runner/runner-error.ts';
import { type Member, MemberListRequest } from '../../core/chainfire/api/cluster.ts';
import { type MemberRequest, type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { type MemberView } from '../../core/chainfire/view.ts';
import { type ClusterPlace } from './cluster-place.ts';
import { encodeIntroduction } from './introduction.ts';

/** Whoever answers requests: the member's runner. */
interface Asked {
  request(request: MemberRequest, signal: CancelSignal): Promise<MemberResponse>;
}

/** Tells a node that is to join which cluster this is and who is in it. */
export class MemberIntroducer {
  readonly #place: Pick<ClusterPlace, 'clusterId' | 'birth'>;
  readonly #view: MemberView;
  readonly #runner: Asked;

  constructor(place: Pick<ClusterPlace, 'clusterId' | 'birth'>, view: MemberView, runner: Asked) {
    this.#place = place;
    this.#view = view;
    this.#runner = runner;
  }

  async introduce(purpose: Enquiry): Promise<Uint8Array> {
    const { clusterId, birth } = this.#place;
    const members = purpose === 'introduction' ? await this.#agreed() : this.#view.members;
    return encodeIntroduction({ clusterId, birth, members });
  }

  /** Whoever was added before this is asked is in the answer, whoever was removed is not. */
  async #agreed(): Promise<readonly Member[]> {
    const answer = await this.#ask(MemberListRequest.create({ linearizable: true }));
    if (answer.kind === 'memberList') return answer.response.members;
    const reason = answer.kind === 'refused' ? answer.message : 'the member does not say who the members are';
    throw new PeerRefusal('NOT_READY', reason);
  }

  async #ask(request: MemberListRequest) {
    try {
      return await this.#runner.request({ kind: 'memberList', request }, new Cancellation());
    } catch (error) {
      if (error instanceof RunnerError) throw new PeerRefusal('NOT_READY', error.message);
      throw error;
    }
  }
}
