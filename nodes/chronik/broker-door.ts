import { type Credentials } from '../../adapters/kafka/sasl/credentials.ts';
import { type KafkaPort } from '../../adapters/kafka/port.ts';
import { type PeerPlace } from '../../adapters/peer/address-book.ts';
import { type PeerIdentity, PeerRefusal } from '../../adapters/peer/protocol.ts';
import { type PeerReceiver } from '../../adapters/peer/receiver.ts';
import { type CancelSignal } from '../../adapters/runner/cancellation.ts';
import { RunnerError } from '../../adapters/runner/runner-error.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { brokerTables } from '../../core/chronik/broker.ts';
import {
  type BrokerMessage,
  type BrokerRequest,
  type BrokerResponse,
} from '../../core/chronik/broker-protocol.ts';
import { type ScramCredential, type ScramMechanism } from '../../core/chronik/broker-view.ts';
import { decodeBrokerMessages } from '../../core/chronik/message-codec.ts';
import { decodeSnapshotHeader } from '../../core/raft/message-codec.ts';
import { type SnapshotHeader } from '../../core/raft/types.ts';
import { type LiveBroker } from './live-broker.ts';

/**
 * What stands between the sockets, which open first, and the broker, which comes later and goes earlier. Outside of its life
 * clients and peers are sent away; both come again.
 */
export class BrokerDoor implements KafkaPort, Credentials {
  #broker: LiveBroker | undefined;

  open(broker: LiveBroker): void {
    this.#broker = broker;
  }

  close(): void {
    this.#broker = undefined;
  }

  request(request: BrokerRequest, signal?: CancelSignal): Promise<BrokerResponse> {
    if (this.#broker !== undefined) return this.#broker.request(request, signal);
    return Promise.reject(new RunnerError('STOPPING', 'the broker is starting or stopping'));
  }

  scram(user: string, mechanism: ScramMechanism): ScramCredential | undefined {
    return this.#broker?.view.scramCredential(user, mechanism);
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    if (this.#broker === undefined) throw new RunnerError('STOPPING', 'the broker is stopping');
    return this.#broker.segments.read(file, positionBytes, lengthBytes);
  }

  /** @param brokers all of the cluster: nobody else may call */
  receiver(own: PeerIdentity, brokers: readonly PeerPlace[]): PeerReceiver<BrokerMessage, SnapshotHeader> {
    const others = new Map(brokers.filter(({ id }) => id !== own.id).map((broker) => [broker.id, broker]));
    return {
      own,
      admits: (id) => {
        if (!others.has(id)) return false;
        this.#behind().called(id);
        return true;
      },
      nameOf: (id) => others.get(id)?.name,
      knows: (id) => others.has(id),
      introduce: () =>
        Promise.reject(
          new PeerRefusal('NOT_A_MEMBER', 'brokers know each other by their settings: initial_cluster'),
        ),
      decodeMessages: decodeBrokerMessages,
      decodeHeader: decodeSnapshotHeader,
      received: (from, messages) => this.#behind().received(from, messages),
      stages: {
        tables: brokerTables,
        openStage: () => this.#behind().store.openStage(),
        stageRows: (...rows) => this.#behind().store.stageRows(...rows),
        discardStage: (stageId) => this.#behind().store.discardStage(stageId),
      },
      snapshotReceived: (from: NodeId, stageId, header) =>
        this.#behind().snapshotReceived(from, stageId, header),
    };
  }

  #behind(): LiveBroker {
    if (this.#broker !== undefined) return this.#broker;
    throw new PeerRefusal('NOT_READY', 'the broker is starting or stopping');
  }
}
