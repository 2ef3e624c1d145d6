import { type Machine } from '../../base/machine.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import {
  type DiskExportsEffect,
  type DiskExportsEvent,
  type DiskExportsSettings,
} from './exports-protocol.ts';

/** Shared disks of a storage node: who may write to each. */
export class DiskExports implements Machine<DiskExportsEvent, DiskExportsEffect> {
  /**
   * Reads the journal; what was open is opened again with the first step.
   *
   * @throws DataLossError when a newest token may be lost
   */
  static recover(_segments: SegmentRepair, _settings: DiskExportsSettings): DiskExports {
    throw new Error('not there yet');
  }

  readonly deadlineUs: number = Infinity;

  step(_event: DiskExportsEvent, _nowUs: number): readonly DiskExportsEffect[] {
    throw new Error('not there yet');
  }
}
