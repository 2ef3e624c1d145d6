import { InvalidArgumentError } from 'commander';

import { type Place } from '../../adapters/kafka/client/offsets.ts';

const timePattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}))?$/;

/** `beginning`, `end`, an offset, or a time. */
export function placeOf(text: string): Place | number {
  if (text === 'beginning' || text === 'end') return text;
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  const timestampMs = timePattern.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timestampMs)) {
    throw new InvalidArgumentError(
      'it must be beginning, end, an offset, or a time as 2026-01-31T12:00:00Z.',
    );
  }
  return { timestampMs };
}
