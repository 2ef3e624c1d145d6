import { PeerRefusal } from '../../adapters/peer/protocol.ts';
import { Cancellation } from '../../adapters/runner/cancellation.ts';
import { RunnerError } from '../../adapters/runner/runner-error.ts';
import { MemberListRequest } from '../../core/chainfire/api/cluster.ts';
import { type MemberView } from '../../core/chainfire/view.ts';
import { type ClusterPlace } from './cluster-place.ts';
import { encodeIntroduction } from './introduction.ts';
import { type MemberRunner } from './live-member.ts';

/** Tells a node that is to join which cluster this is and who is in it. */
export class MemberIntroducer {
  readonly #place: Pick<ClusterPlace, 'clusterId' | 'birth'>;
  readonly #view: MemberView;
  readonly #runner: Pick<MemberRunner, 'request'>;

  constructor(
    place: Pick<ClusterPlace, 'clusterId' | 'birth'>,
    view: MemberView,
    runner: Pick<MemberRunner, 'request'>,
  ) {
    this.#place = place;
    this.#view = view;
    this.#runner = runner;
  }

  /** As the cluster has agreed: whoever was added before this is asked is in the answer, whoever was removed is not. */
  async introduce(): Promise<Uint8Array> {
    // The first start of a whole cluster must not wait for what nobody can know.
    if (this.#view.raft.leader === 0) throw new PeerRefusal('NOT_READY', 'the member knows no leader');
    const request = MemberListRequest.create({ linearizable: true });
    const answer = await this.#ask(request);
    if (answer.kind === 'memberList') {
      const { clusterId, birth } = this.#place;
      return encodeIntroduction({ clusterId, birth, members: answer.response.members });
    }
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
