import { parseDuration } from '../../adapters/config/duration.ts';
import { type ValueType } from '../../adapters/config/values.ts';

/** So few digits that the number is exact. */
export const integerPattern = /^[0-9]{1,15}$/;

/** What etcd's flag of that name takes: a duration or an integer, which the mode gives its meaning. */
export function retention(): ValueType<string> {
  const parse = (text: string): string | undefined =>
    integerPattern.test(text) || parseDuration(text) !== undefined ? text : undefined;
  return {
    placeholder: '<duration|integer>',
    allowed:
      'a duration (10m, 1h30m), an integer (hours; where auto_compaction_mode is revision: revisions), or 0',
    parse,
    fromToml: (value) => {
      if (typeof value === 'number' || typeof value === 'bigint') return parse(value.toString());
      return typeof value === 'string' ? parse(value) : undefined;
    },
    format: (value) => value,
  };
}
