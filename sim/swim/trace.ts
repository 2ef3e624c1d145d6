import { decodeDatagram } from '../../core/swim/datagram-codec.ts';
import { stamp, summary } from '../trace.ts';
import { type SwimStep } from './checker.ts';

/** `12.345678 n1 received from=2 ping seq=4 … -> send to=2 ack seq=4 …`: datagrams by what is in them. */
export function swimStepLine(step: SwimStep): string {
  const effects = step.effects.map(opened).map(summary).join(', ');
  const event = summary(opened(step.event));
  return `${stamp(step.nowUs)} n${step.process.node} ${event}${effects === '' ? '' : ` -> ${effects}`}`;
}

function opened(value: { readonly kind: string }): { readonly kind: string } {
  if (!('datagram' in value) || !(value.datagram instanceof Uint8Array)) return value;
  const { datagram, ...rest } = value;
  return { ...rest, messages: decodeDatagram(datagram).messages } as { readonly kind: string };
}
