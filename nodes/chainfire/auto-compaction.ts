import { parseDuration } from '../../adapters/config/duration.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type AutoCompactionOptions } from '../../core/chainfire/auto-compaction-options.ts';
import { integerPattern } from './retention.ts';
import { type ChainfireSettings } from './settings.ts';

const hourUs = 3_600 * usPerSecond;
/** Below it a member would do little else. */
const retentionUsMin = 100 * usPerMs;
const retentionUsMax = 10 * 365 * 24 * hourUs;

type Given = Pick<
  ChainfireSettings,
  'autoCompactionMode' | 'autoCompactionRetention' | 'autoCompactionIntervalMs'
>;

/**
 * Undefined where nothing is compacted by itself.
 *
 * @throws ConfigError where the retention has no meaning in its mode
 */
export function autoCompactionOptions(settings: Given): AutoCompactionOptions | undefined {
  const { autoCompactionMode: mode, autoCompactionRetention: text } = settings;
  const count = integerPattern.test(text) ? Number(text) : undefined;
  if (mode === 'revision') {
    if (count === undefined) {
      throw new ConfigError(
        `auto_compaction_retention is "${text}", it must be an integer where auto_compaction_mode is revision`,
      );
    }
    if (count === 0) return undefined;
    return { revisions: count, intervalUs: settings.autoCompactionIntervalMs * usPerMs };
  }
  const retentionUs = count === undefined ? (parseDuration(text) ?? 0) : count * hourUs;
  if (retentionUs === 0) return undefined;
  if (retentionUs < retentionUsMin || retentionUs > retentionUsMax) {
    throw new ConfigError(
      `auto_compaction_retention is "${text}", it must be 0 or from 100ms to 87600h where auto_compaction_mode is periodic`,
    );
  }
  return { retentionUs };
}
