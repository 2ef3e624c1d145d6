import { type JSX } from 'preact';

import { type Packet, type StepNumber, type StepRecord } from '../../../evidence/types.ts';
import { compactEvent, duration, endpointName, exactTime } from '../../model/words.ts';

const effectsBriefMax = 4;

/** A step: what went in, and what came out of it. */
export function StepDetails(props: {
  readonly step: StepNumber;
  readonly record: StepRecord;
  readonly brief?: boolean;
}): JSX.Element {
  const { step, record, brief } = props;
  const shown = brief === true ? record.effects.slice(0, effectsBriefMax) : record.effects;
  const more = record.effects.length - shown.length;
  return (
    <div class="step-details">
      <p class="step-head">
        <b>n{record.node}</b> · step {step} · {exactTime(record.atUs)}
        {record.boot > 1 && ` · boot ${record.boot}`}
      </p>
      <p class="went-in">
        <span class="sr-only">went in: </span>
        <code>{compactEvent(record.event)}</code>
      </p>
      {shown.length > 0 && (
        <ul class="came-out" aria-label="came out">
          {shown.map((effect, index) => (
            <li key={index}>
              <code>{compactEvent(effect)}</code>
            </li>
          ))}
        </ul>
      )}
      {more > 0 && <p class="muted">and {more} more</p>}
    </div>
  );
}

export function PacketDetails(props: { readonly packet: Packet }): JSX.Element {
  const { packet } = props;
  return (
    <div class="packet-details">
      <p class="step-head">
        <b>{packet.what}</b> from {endpointName(packet.from)} to {endpointName(packet.to)}
      </p>
      <p>
        sent {exactTime(packet.sentUs)}
        {packet.arrivedUs === undefined ? (
          <b class="bad"> · lost</b>
        ) : (
          ` · arrived after ${duration(packet.arrivedUs - packet.sentUs)}`
        )}
        {packet.arrivedUs !== undefined && packet.takenBy === undefined && packet.to.kind === 'node' && (
          <b class="bad"> · nobody took it</b>
        )}
      </p>
    </div>
  );
}
