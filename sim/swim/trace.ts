import { decodeDatagram } from '../../core/swim/datagram-codec.ts';
import { stepLine, type TracedStep } from '../trace.ts';

/** `12.345678 n1 received from=2 ping seq=4 … -> send to=2 ack seq=4 …`: datagrams by what is in them. */
export function swimStepLine(step: TracedStep): string {
  return stepLine({ ...step, event: opened(step.event), effects: step.effects.map(opened) });
}

function opened(value: { readonly kind: string }): { readonly kind: string } {
  if (!('datagram' in value) || !(value.datagram instanceof Uint8Array)) return value;
  const { datagram, ...rest } = value;
  return { ...rest, messages: decodeDatagram(datagram).messages } as { readonly kind: string };
}
