import { type ImageFormat, type ImageLimits, type ImageVerdict } from './image-verdict.ts';
import { judgeQcow2 } from './qcow2-header.ts';

/** So much of an image's beginning is to be handed in, or all of a shorter one: the largest cluster that there is. */
export const imageHeadBytes = 2_097_152;

export const defaultImageLimits: ImageLimits = { virtualBytesMax: 64 * 1_024 ** 4 };

export interface GivenImage {
  /** `imageHeadBytes` of its beginning, or all of it. */
  readonly head: Uint8Array;
  readonly fileBytes: number;
  /** What its owner says that it is. */
  readonly format: ImageFormat;
}

const sectorBytes = 512;

/** What tools that guess formats take a file for, by how it begins; more than one can be there only by intent. */
const beginnings: readonly { readonly format: string; readonly atByte: number; readonly magic: string }[] = [
  { format: 'qcow2', atByte: 0, magic: 'QFI\xfb' },
  { format: 'VMDK', atByte: 0, magic: 'KDMV' },
  { format: 'VMDK', atByte: 0, magic: 'COWD' },
  { format: 'VMDK', atByte: 0, magic: '# Disk DescriptorFile' },
  { format: 'VHDX', atByte: 0, magic: 'vhdxfile' },
  { format: 'VHD', atByte: 0, magic: 'conectix' },
  { format: 'VDI', atByte: 64, magic: '\x7f\x10\xda\xbe' },
  { format: 'QED', atByte: 0, magic: 'QED\0' },
  { format: 'LUKS', atByte: 0, magic: 'LUKS\xba\xbe' },
  { format: 'Parallels', atByte: 0, magic: 'WithoutFreeSpace' },
  { format: 'Parallels', atByte: 0, magic: 'WithouFreSpacExt' },
];

/**
 * Judges an image from its own bytes, before any tool opens it: one that names another file would have that file read by
 * whoever does, and the guest would find it on its disk. Only raw and qcow2 images that stand alone are taken.
 */
export function judgeImage(image: GivenImage, limits: ImageLimits): ImageVerdict {
  const { head, fileBytes, format } = image;
  const looks = beginnings.find(({ atByte, magic }) => begins(head, atByte, magic))?.format;
  if (format === 'qcow2') {
    if (looks !== 'qcow2') return refused(`it does not begin as a qcow2 image does${hint(looks)}`);
    return judgeQcow2(head, fileBytes, limits);
  }
  // A tool that guesses would not take it for raw, and would follow what it says.
  if (looks !== undefined) return refused(`it is said to be raw${hint(looks)}`);
  if (fileBytes === 0 || fileBytes % sectorBytes !== 0)
    return refused(`a raw image has a multiple of ${sectorBytes} bytes, this one has ${fileBytes}`);
  if (fileBytes > limits.virtualBytesMax)
    return refused(`it has ${fileBytes} bytes, ${limits.virtualBytesMax} are the most`);
  return { kind: 'accepted', format, virtualBytes: fileBytes };
}

/**
 * What an image that was taken is. Raw ones that begin as another format does are not taken, so its first bytes tell; of any
 * other file they tell nothing.
 */
export function formatOfTaken(head: Uint8Array): ImageFormat {
  return begins(head, 0, 'QFI\xfb') ? 'qcow2' : 'raw';
}

function hint(looks: string | undefined): string {
  return looks === undefined ? '' : `, and begins as ${looks} does`;
}

function begins(head: Uint8Array, atByte: number, magic: string): boolean {
  for (let at = 0; at < magic.length; at += 1) {
    if (head[atByte + at] !== magic.charCodeAt(at)) return false;
  }
  return true;
}

function refused(reason: string): ImageVerdict {
  return { kind: 'refused', reason };
}
