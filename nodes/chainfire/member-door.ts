import { type Acquaintance } from '../../adapters/auth/authorized-member.ts';
import { type OpenSnapshot, type SnapshotSource } from '../../adapters/backup/open-snapshot.ts';
import { type CancelSignal } from '../../adapters/runner/cancellation.ts';
import {
  type MemberPort,
  type WatchListener,
  type WatchStream,
} from '../../adapters/grpc/services/member-port.ts';
import { type Defragmenter } from '../../adapters/grpc/services/defragment.ts';
import { statusOfRefusal } from '../../adapters/grpc/errors.ts';
import { StatusError } from '../../adapters/grpc/status.ts';
import { type PeerIdentity, PeerRefusal } from '../../adapters/peer/protocol.ts';
import { type PeerReceiver } from '../../adapters/peer/receiver.ts';
import { RunnerError } from '../../adapters/runner/runner-error.ts';
import { type Credential } from '../../core/chainfire/auth/protocol.ts';
import {
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
  type MemberStream,
} from '../../core/chainfire/member-protocol.ts';
import { decodeGroupMessages, decodeSnapshotHeader } from '../../core/raft/message-codec.ts';
import { memberTables } from '../../core/chainfire/member.ts';
import { type GroupMessage, type SnapshotHeader } from '../../core/raft/types.ts';
import { type LiveMember } from './live-member.ts';

/**
 * What stands between the sockets, which open first, and the member, which comes later and goes earlier. Outside of its
 * life every call is refused with a status that promises that nothing was done.
 */
export class MemberDoor implements MemberPort, SnapshotSource, Defragmenter, Acquaintance {
  #member: LiveMember | undefined;
  #closed = false;

  open(member: LiveMember): void {
    this.#member = member;
  }

  close(): void {
    this.#closed = true;
    this.#member = undefined;
  }

  async request(request: MemberRequest, signal: CancelSignal): Promise<MemberResponse> {
    try {
      return await this.#behind().request(request, signal);
    } catch (error) {
      if (signal.aborted) throw new StatusError('CANCELLED', 'the client has gone');
      if (!(error instanceof RunnerError)) throw error;
      if (error.code === 'OVERLOADED') throw overloaded(error);
      if (error.code === 'STOPPING') throw stopped();
      // No etcd text: a client must not take it for a promise that nothing was done.
      throw new StatusError('UNAVAILABLE', error.message);
    }
  }

  openWatchStream(stream: MemberStream, listener: WatchListener): WatchStream {
    const member = this.#behind();
    try {
      return member.openStream(stream, {
        item: (response, bytes) => listener.item(response, bytes),
        ended: (refusal) => listener.ended(refusal && statusOfRefusal(refusal)),
        // A watch that ends has lost nothing: its client goes on elsewhere.
        failed: () => listener.ended(stopped()),
      });
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error;
      throw error.code === 'OVERLOADED' ? overloaded(error) : stopped();
    }
  }

  openSnapshot(): OpenSnapshot {
    return this.#behind().openSnapshot();
  }

  async defragment(): Promise<void> {
    await this.#behind().defragment();
  }

  identify(by: Credential | undefined): { readonly user: string } | MemberRefusal {
    return this.#behind().identify(by);
  }

  /** Bound, since it is handed on. */
  readonly leaseKeys = (id: bigint): readonly string[] => this.#behind().leaseKeys(id);

  peerReceiver(own: PeerIdentity): PeerReceiver<GroupMessage, SnapshotHeader> {
    return {
      own,
      admits: (id, address) => this.#forPeers().admits(id, address),
      nameOf: (id) => this.#forPeers().nameOf(id),
      knows: (id) => this.#forPeers().knows(id),
      introduce: (purpose) => this.#forPeers().introduce(purpose),
      decodeMessages: decodeGroupMessages,
      decodeHeader: decodeSnapshotHeader,
      received: (from, messages) => this.#forPeers().received(from, messages),
      stages: {
        tables: memberTables,
        openStage: () => this.#forPeers().store.openStage(),
        stageRows: (stageId, table, rows) => this.#forPeers().store.stageRows(stageId, table, rows),
        // A stopping member's store discards what is left of stages by itself.
        discardStage: (stageId) => this.#member?.store.discardStage(stageId),
      },
      snapshotReceived: (from, stageId, header) => this.#forPeers().snapshotReceived(from, stageId, header),
    };
  }

  #forPeers(): LiveMember {
    if (this.#member !== undefined) return this.#member;
    throw new PeerRefusal('NOT_READY', this.#closed ? 'the node is stopping' : 'the node is starting');
  }

  #behind(): LiveMember {
    if (this.#member !== undefined) return this.#member;
    if (this.#closed) throw stopped();
    throw statusOfRefusal({ kind: 'refused', code: 'NO_LEADER', message: '' });
  }
}

function overloaded(error: RunnerError): StatusError {
  return statusOfRefusal({ kind: 'refused', code: 'TOO_MANY_REQUESTS', message: error.message });
}

function stopped(): StatusError {
  return statusOfRefusal({ kind: 'refused', code: 'STOPPED', message: '' });
}
