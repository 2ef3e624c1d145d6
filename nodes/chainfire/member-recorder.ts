import { type Logger } from 'pino';

import { formatClusterId, type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { RecordedSegments } from '../../adapters/recorder/recorded-segments.ts';
import { RecordedStore } from '../../adapters/recorder/recorded-store.ts';
import { Recorder } from '../../adapters/recorder/recorder.ts';
import { RecorderError } from '../../adapters/recorder/recorder-error.ts';
import { type Captured } from '../../core/base/capture.ts';
import { authTable } from '../../core/chainfire/auth/keys.ts';
import { memberEventCodec } from '../../core/chainfire/event-codec.ts';
import { type MemberConfig, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { leaseTable } from '../../core/chainfire/lease/keys.ts';
import { ChainfireMember } from '../../core/chainfire/member.ts';
import { metaTable } from '../../core/chainfire/mvcc/keys.ts';
import { namespaceTable } from '../../core/chainfire/namespace/keys.ts';
import { type StorageBackend } from '../../core/storage/backend.ts';
import { type SegmentRepair } from '../../core/storage/segment-files.ts';
import { seededPrng } from '../../sim/prng.ts';
import { memberSoftware } from '../software.ts';
import { type ChainfireSettings } from './settings.ts';

export type MemberRecorder = Recorder<MemberEvent>;

export const recordedSystem = 'chainfire';

/** What a member reads of the store where it is restored: where it is, who is in the cluster, which leases, users and namespaces there are. */
export const memberBaseTables: readonly string[] = [metaTable, leaseTable, authTable, namespaceTable];

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

/** The machine that the disk describes, its questions to the disk taken down where it is recorded. */
export function recoverMember(
  ports: { readonly store: StorageBackend; readonly segments: SegmentRepair },
  start: { readonly config: MemberConfig; readonly seed: string; readonly nowUs: number },
  recorder: MemberRecorder | undefined,
): ChainfireMember {
  const { config, seed, nowUs } = start;
  if (recorder === undefined) return ChainfireMember.recover(ports, config, seededPrng(seed), nowUs);
  const store = new RecordedStore(ports.store, recorder.answers);
  const segments = new RecordedSegments(ports.segments, recorder.answers);
  try {
    const machine = ChainfireMember.recover({ store, segments }, config, seededPrng(seed), nowUs);
    recorder.recovered();
    return machine;
  } catch (cause) {
    recorder.threw(cause);
    throw cause;
  }
}
