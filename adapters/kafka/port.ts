import { type BrokerRequest, type BrokerResponse } from '../../core/chronik/broker-protocol.ts';
import { type CancelSignal } from '../runner/cancellation.ts';

/** The broker behind the sockets. */
export interface KafkaPort {
  /**
   * Resolves with the broker's answer, errors included: they are numbers in it. Rejects when the broker cannot be asked, or
   * goes before it has answered; the connection ends then, and the client asks another.
   *
   * @param signal undefined: the request is carried out whether its client stays or not
   */
  request(request: BrokerRequest, signal?: CancelSignal): Promise<BrokerResponse>;
}
