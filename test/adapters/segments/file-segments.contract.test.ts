import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { describeSegmentFiles } from '../../contract/segment-files.ts';
import { BadSectorLayer } from './bad-sector-layer.ts';
import { PowerCutLayer } from './power-cut-layer.ts';

describeSegmentFiles('files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-segments-'));
  let files = FileSegments.open({ dir });
  return {
    files,
    wait: () => setImmediate(),
    reopen: () => {
      files.close();
      files = FileSegments.open({ dir });
      return files;
    },
    close: () => {
      files.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});

describeSegmentFiles('files that lose their power', () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-power-cut-'));
  const open = (): FileSegments => FileSegments.open({ dir, layer: new PowerCutLayer(dir) });
  return {
    files: open(),
    wait: () => setImmediate(),
    cutPower: open, // The layer before is forgotten, and with it all that was not durable.
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
});

describeSegmentFiles('files on a disk with bad sectors', () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-bad-sectors-'));
  const layer = new BadSectorLayer();
  const files = FileSegments.open({ dir, layer });
  return {
    files,
    wait: () => setImmediate(),
    makeUnreadable: (file, sector) => {
      layer.makeBad(join(dir, file), sector);
    },
    close: () => {
      files.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});
