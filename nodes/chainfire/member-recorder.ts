import { type Logger } from 'pino';

import { formatClusterId, type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { Recorder } from '../../adapters/recorder/recorder.ts';
import { RecorderError } from '../../adapters/recorder/recorder-error.ts';
import { type Captured } from '../../core/base/capture.ts';
import { memberEventCodec } from '../../core/chainfire/event-codec.ts';
import { type MemberConfig, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { leaseTable } from '../../core/chainfire/lease/keys.ts';
import { metaTable } from '../../core/chainfire/mvcc/keys.ts';
import { memberSoftware } from '../software.ts';
import { type ChainfireSettings } from './settings.ts';

export type MemberRecorder = Recorder<MemberEvent>;

export const recordedSystem = 'chainfire';

/** What a member reads of the store where it is restored: where it is, who is in the cluster, which leases there are. */
export const memberBaseTables: readonly string[] = [metaTable, leaseTable];

/**
 * Begins the recording that the settings ask for. A disk that does not take it is no reason not to serve.
 *
 * @throws RecorderError when the directory is another member's
 */
export function openRecorder(
  settings: ChainfireSettings,
  member: {
    readonly own: PeerIdentity;
    readonly config: MemberConfig;
    readonly seed: string;
    readonly nowUs: number;
    readonly log: Logger;
  },
): MemberRecorder | undefined {
  const { record: dir, recordSegmentBytesMax: segmentBytesMax, recordSegmentsMax: segmentsMax } = settings;
  if (dir === undefined) return undefined;
  const { own, config, seed, nowUs, log } = member;
  try {
    const recorder = Recorder.open<MemberEvent>(
      {
        dir,
        identity: {
          system: recordedSystem,
          cluster: formatClusterId(own.clusterId),
          node: own.id,
          name: settings.name,
        },
        bootId: own.bootId,
        software: memberSoftware(),
        // Plain data; that its fields are named, and not open to any name, is all that the types differ in.
        config: config as unknown as Captured,
        seed,
        codec: memberEventCodec,
        segmentBytesMax,
        segmentsMax,
        onFailed: (error) => log.error({ err: error, dir }, 'nothing is recorded any more'),
        onGap: (stepsMissed) => {
          if (stepsMissed === undefined) log.warn({ dir }, 'the recording has a gap: its disk is too slow');
          else log.info({ dir, stepsMissed }, 'recording again');
        },
      },
      nowUs,
    );
    log.info({ dir, boot: recorder.boot }, 'recording');
    return recorder;
  } catch (error) {
    if (error instanceof RecorderError) throw error;
    log.error({ err: error, dir }, 'cannot record');
    return undefined;
  }
}
