import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  defaultImageLimits,
  formatOfTaken,
  judgeImage,
} from '../../../../core/plasma/images/image-header.ts';
import { type ImageVerdict } from '../../../../core/plasma/images/image-verdict.ts';

const mib = 1_048_576;
const fileBytes = 4 * mib;

/** The first cluster of a qcow2 image of version 3 with a disk of 64 MiB, as QEMU makes it. */
function header(change: (view: DataView, head: Uint8Array) => void = () => undefined): Uint8Array {
  const head = new Uint8Array(65_536);
  const view = new DataView(head.buffer);
  view.setUint32(0, 0x5146_49fb);
  view.setUint32(4, 3);
  view.setUint32(20, 16);
  view.setUint32(28, 64 * mib);
  view.setUint32(36, 1);
  view.setUint32(44, 0x3_0000);
  view.setUint32(52, 0x1_0000);
  view.setUint32(56, 1);
  view.setUint32(96, 4);
  view.setUint32(100, 112);
  change(view, head);
  return head;
}

function judge(head: Uint8Array, format: 'raw' | 'qcow2' = 'qcow2', bytes = fileBytes): ImageVerdict {
  return judgeImage({ head, format, fileBytes: bytes }, defaultImageLimits);
}

/** Puts an extension of the header behind it. */
function extension(type: number, text: string): (view: DataView, head: Uint8Array) => void {
  return (view, head) => {
    view.setUint32(112, type);
    view.setUint32(116, text.length);
    for (let at = 0; at < text.length; at += 1) head[120 + at] = text.charCodeAt(at);
  };
}

test('an image that stands alone is taken', () => {
  expect(judge(header())).toEqual({ kind: 'accepted', format: 'qcow2', virtualBytes: 64 * mib });
  expect(
    judge(header((view) => view.setUint32(4, 2)).fill(0, 72)),
    'version 2 has no more than 72 bytes',
  ).toMatchObject({ kind: 'accepted' });
  expect(judge(header(extension(0x6803_f857, 'names of features')))).toMatchObject({ kind: 'accepted' });
  expect(judge(new Uint8Array(512), 'raw', 512)).toEqual({
    kind: 'accepted',
    format: 'raw',
    virtualBytes: 512,
  });
});

describe('qcow2 images are refused', () => {
  test.each<readonly [string, (view: DataView, head: Uint8Array) => void]>([
    ['it names a backing file', (view) => view.setUint32(12, 0x200)],
    ['it names a backing file', (view) => view.setUint32(8, 1)],
    ['it names a backing file', (view) => view.setUint32(16, 11)],
    ['keeps its data in another file', (view) => view.setUint32(76, 4)],
    ['encrypted', (view) => view.setUint32(32, 2)],
    ['not known (incompatible bits 20', (view) => view.setUint32(76, 0x20)],
    ['not known (incompatible bits 80000000', (view) => view.setUint32(76, 0x8000_0000)],
    ['not known', (view) => view.setUint32(72, 1)],
    ['corrupt', (view) => view.setUint32(76, 2)],
    ['not closed in order', (view) => view.setUint32(76, 1)],
    ['its compression 1', (view) => view.setUint8(104, 1)],
    ['its compression 9', (view) => (view.setUint32(76, 8), view.setUint8(104, 9))],
    ['3 snapshots', (view) => view.setUint32(60, 3)],
    ['version 1', (view) => view.setUint32(4, 1)],
    ['version 4', (view) => view.setUint32(4, 4)],
    ['2^22 bytes', (view) => view.setUint32(20, 22)],
    ['2^8 bytes', (view) => view.setUint32(20, 8)],
    ['2^4294967295', (view) => view.setUint32(20, 0xffff_ffff)],
    ['its disk has 0 bytes', (view) => view.setUint32(28, 0)],
    ['are taken', (view) => view.setUint32(24, 0xffff_ffff)],
    ['its first table has 0 entries', (view) => view.setUint32(36, 0)],
    ['its first table has 4294967295 entries', (view) => view.setUint32(36, 0xffff_ffff)],
    ['its first table does not lie', (view) => view.setUint32(44, 0x3_0001)],
    ['its first table does not lie', (view) => view.setUint32(40, 0x7fff_ffff)],
    ['its first table does not lie', (view) => view.setUint32(44, 0)],
    ['its table of reference counts has 0', (view) => view.setUint32(56, 0)],
    ['its table of reference counts does not lie', (view) => view.setUint32(52, fileBytes)],
    ['2^7 bits', (view) => view.setUint32(96, 7)],
    ['its header has 100 bytes', (view) => view.setUint32(100, 100)],
    ['its header has 105 bytes', (view) => view.setUint32(100, 105)],
    ['longer than a cluster', (view) => view.setUint32(100, 0x7fff_fff8)],
    ['format of a backing file', extension(0xe279_2aca, 'raw')],
    ['a data file', extension(0x4441_5441, '/etc/passwd')],
    ['a header of encryption', extension(0x0537_be77, '0123456789abcdef')],
    ['beyond its first cluster', (view) => (view.setUint32(112, 1), view.setUint32(116, 65_536))],
  ])('%s', (reason, change) => {
    const verdict = judge(header(change));
    expect(verdict).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(verdict)).toContain(reason);
  });

  test('a dangerous extension behind harmless ones is found', () => {
    const head = header((view, bytes) => {
      extension(0x6803_f857, 'abc')(view, bytes);
      view.setUint32(128, 0x4441_5441);
      view.setUint32(132, 4);
    });
    expect(judge(head)).toEqual({ kind: 'refused', reason: 'it names a data file' });
  });

  test('cut short', () => {
    for (const bytes of [4, 71, 72, 103]) {
      expect(judge(header().subarray(0, bytes))).toMatchObject({ reason: 'its header is cut short' });
    }
    expect(judge(new Uint8Array(0))).toMatchObject({ kind: 'refused' });
  });
});

test('what is said to be raw and is not is refused, and the other way round', () => {
  expect(judge(header(), 'raw')).toEqual({
    kind: 'refused',
    reason: 'it is said to be raw, and begins as qcow2 does',
  });
  const vmdk = new TextEncoder().encode('KDMV and more'.padEnd(512));
  expect(judge(vmdk, 'raw', 512)).toMatchObject({ reason: expect.stringContaining('VMDK') as string });
  expect(judge(vmdk, 'qcow2', 512)).toMatchObject({ reason: expect.stringContaining('VMDK') as string });
  expect(judge(new Uint8Array(513), 'raw', 513)).toMatchObject({ kind: 'refused' });
  expect(judge(new Uint8Array(0), 'raw', 0)).toMatchObject({ kind: 'refused' });
});

test('the format of an image that was taken is told by its first bytes', () => {
  expect(formatOfTaken(header())).toBe('qcow2');
  expect(formatOfTaken(new Uint8Array(512))).toBe('raw');
});

test('whatever the bytes are, they are judged, and none that is taken names another file', () => {
  const change = fc.record({ at: fc.nat({ max: 200 }), byte: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.nat({ max: 300 }), (changes, cut) => {
      const head = header();
      for (const { at, byte } of changes) head[at] = byte;
      const verdict = judge(cut < 100 ? head.subarray(0, cut * 3) : head);
      if (verdict.kind === 'refused') return;
      const view = new DataView(head.buffer);
      expect([view.getUint32(8), view.getUint32(12), view.getUint32(16), view.getUint32(32)]).toEqual([
        0, 0, 0, 0,
      ]);
      if (view.getUint32(4) === 3) expect(view.getUint32(76) & 4).toBe(0);
    }),
    { numRuns: 2_000 },
  );
});
