import { refused } from '../../base/refusal.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { type CommandOf } from './commands.ts';
import { settlePartitionsOf } from './election.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { refuseBrokerEpoch } from './refusals.ts';
import { type BrokerState } from './rows.ts';
import { type MetadataState } from './state.ts';

const incarnationPattern = /^[0-9a-f]{32}$/;
const portMax = 65_535;
const securityProtocolMax = 3;

/**
 * A broker's new life: fenced until it has caught up with the metadata, and out of every in-sync set that others are in. What it
 * had acknowledged to a leader and not yet had on its disk is gone, so that it has to fetch again what it lacks (as KIP-966
 * reasons). Where it is alone in sync nobody has more than it: there it stays, and leads again once it is unfenced. With the
 * flush policy `always` it then has all that was ever acknowledged, since nothing counts that is not on its disk; with another
 * policy a crash of the machine may have cost records, which is what that policy says.
 *
 * The same life asking twice is answered twice with the same epoch.
 */
export function registerBroker(
  state: MetadataState,
  command: CommandOf<'registerBroker'>,
  limits: MetadataLimits,
): MetadataResults['registerBroker'] | MetadataRefusal {
  const { broker: id, incarnation, endpoints, rack } = command;
  const known = state.broker(id);
  if (known?.incarnation === incarnation) return { brokerEpoch: known.epoch };
  const refusal = refuseRegistration(state, command, limits);
  if (refusal !== undefined) return refusal;
  const epoch = state.index;
  state.putBroker({ id, epoch, incarnation, endpoints, rack, fenced: true, inControlledShutdown: false });
  settlePartitionsOf(state, id);
  return { brokerEpoch: epoch };
}

/** It serves: what nobody else can lead it leads. */
export function unfenceBroker(
  state: MetadataState,
  { broker: id, brokerEpoch }: CommandOf<'unfenceBroker'>,
): MetadataResults['unfenceBroker'] | MetadataRefusal {
  return change(state, id, brokerEpoch, (broker) => ({
    ...broker,
    fenced: false,
    inControlledShutdown: false,
  }));
}

/** It is away: others lead what it led, as far as they are in sync. */
export function fenceBroker(
  state: MetadataState,
  { broker: id, brokerEpoch }: CommandOf<'fenceBroker'>,
): MetadataResults['fenceBroker'] | MetadataRefusal {
  return change(state, id, brokerEpoch, (broker) => ({ ...broker, fenced: true }));
}

/** It is about to stop, and has others lead before it does. */
export function beginControlledShutdown(
  state: MetadataState,
  { broker: id, brokerEpoch }: CommandOf<'beginControlledShutdown'>,
): MetadataResults['beginControlledShutdown'] | MetadataRefusal {
  return change(state, id, brokerEpoch, (broker) => ({ ...broker, inControlledShutdown: true }));
}

function change(
  state: MetadataState,
  id: number,
  brokerEpoch: number,
  changed: (broker: BrokerState) => BrokerState,
): object {
  const broker = state.broker(id);
  const refusal = refuseBrokerEpoch(state, id, brokerEpoch);
  if (refusal !== undefined || broker === undefined) return refusal ?? {};
  const after = changed(broker);
  const isSame = after.fenced === broker.fenced && after.inControlledShutdown === broker.inControlledShutdown;
  if (isSame) return {};
  state.putBroker(after);
  settlePartitionsOf(state, broker.id);
  return {};
}

function refuseRegistration(
  state: MetadataState,
  { broker: id, incarnation, endpoints, rack }: CommandOf<'registerBroker'>,
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  if (id < 1) return invalid(`broker ids are 1 and more, not ${id}`);
  if (!incarnationPattern.test(incarnation)) return invalid('an incarnation is 32 hex digits');
  if (state.broker(id) === undefined && state.brokers.length >= limits.brokersMax) {
    return refused('POLICY_VIOLATION', `a cluster has ${limits.brokersMax} brokers at most`);
  }
  if (endpoints.length === 0 || endpoints.length > limits.endpointsPerBrokerMax) {
    return invalid(`a broker has 1 to ${limits.endpointsPerBrokerMax} endpoints, not ${endpoints.length}`);
  }
  const listeners = new Set<string>();
  for (const { listener, host, port, securityProtocol } of endpoints) {
    if (listeners.has(listener)) return invalid(`listener ${listener} is given twice`);
    listeners.add(listener);
    if (host === '') return invalid(`listener ${listener} has no host`);
    if (port < 1 || port > portMax)
      return invalid(`port ${port} of listener ${listener} is not 1 to ${portMax}`);
    if (securityProtocol < 0 || securityProtocol > securityProtocolMax) {
      return invalid(`security protocol ${securityProtocol} of listener ${listener} is not 0 to 3`);
    }
    if (utf8LengthOf(listener) + utf8LengthOf(host) > limits.textBytesMax) {
      return invalid(`listener and host have ${limits.textBytesMax} bytes at most`);
    }
  }
  if (rack !== undefined && utf8LengthOf(rack) > limits.textBytesMax) {
    return invalid(`a rack's name has ${limits.textBytesMax} bytes at most`);
  }
  return undefined;
}

function invalid(message: string): MetadataRefusal {
  return refused('INVALID_REQUEST', message);
}
