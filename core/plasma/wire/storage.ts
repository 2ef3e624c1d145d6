import { unreachable } from '../../base/assert.ts';
import { bool, type Infer, message, text, uint64 } from '../../wire/protobuf.ts';
import { type StorageRequest, type StorageResponse } from '../storage-protocol.ts';

/** Messages of `photon.plasma.v1.StorageService`. Numbers of fields are never used for something else. */

export const CreateDiskRequest = message('CreateDiskRequest', { disk: text(1), sizeBytes: uint64(2) });
export const CreateDiskResponse = message('CreateDiskResponse', {});

export const OpenExportRequest = message('OpenExportRequest', {
  disk: text(1),
  vm: text(2),
  fenceToken: uint64(3),
  activate: bool(4),
});
export const OpenExportResponse = message('OpenExportResponse', { uri: text(1), sizeBytes: uint64(2) });

export const FenceRequest = message('FenceRequest', { disk: text(1), vm: text(2), fenceToken: uint64(3) });
export const FenceResponse = message('FenceResponse', {});

export const CloseExportRequest = message('CloseExportRequest', {
  disk: text(1),
  vm: text(2),
  fenceToken: uint64(3),
});
export const CloseExportResponse = message('CloseExportResponse', {});

export const DeleteDiskRequest = message('DeleteDiskRequest', {
  disk: text(1),
  /** Empty: nobody has ever owned it. */
  vm: text(2),
  fenceToken: uint64(3),
});
export const DeleteDiskResponse = message('DeleteDiskResponse', {});

export type StorageKind = StorageRequest['kind'];

export interface StorageMethod {
  readonly kind: StorageKind;
  readonly path: string;
  readonly request: {
    readonly name: string;
    encode(value: StorageRequest): Uint8Array;
    /** @throws WireError */
    decode(bytes: Uint8Array): StorageRequest;
  };
  readonly response: {
    readonly name: string;
    encode(value: StorageResponse): Uint8Array;
    /** @throws WireError */
    decode(bytes: Uint8Array): StorageResponse;
  };
}

export const storageServiceName = 'photon.plasma.v1.StorageService';

/** Each request's method: what is refused goes as a status, every other answer as its message. */
export const storageMethods: Readonly<Record<StorageKind, StorageMethod>> = {
  createDisk: {
    kind: 'createDisk',
    path: pathOf('CreateDisk'),
    request: {
      name: 'CreateDiskRequest',
      encode: (value) => CreateDiskRequest.encode(as(value, 'createDisk')),
      decode: (bytes) => ({ kind: 'createDisk', ...CreateDiskRequest.decode(bytes) }),
    },
    response: empty('CreateDiskResponse', { kind: 'created' }),
  },
  openExport: {
    kind: 'openExport',
    path: pathOf('OpenExport'),
    request: {
      name: 'OpenExportRequest',
      encode: (value) => OpenExportRequest.encode(as(value, 'openExport')),
      decode: (bytes) => ({ kind: 'openExport', ...OpenExportRequest.decode(bytes) }),
    },
    response: {
      name: 'OpenExportResponse',
      encode: (value) => OpenExportResponse.encode(as(value, 'opened')),
      decode: (bytes) => ({ kind: 'opened', ...OpenExportResponse.decode(bytes) }),
    },
  },
  fence: {
    kind: 'fence',
    path: pathOf('Fence'),
    request: {
      name: 'FenceRequest',
      encode: (value) => FenceRequest.encode(as(value, 'fence')),
      decode: (bytes) => ({ kind: 'fence', ...FenceRequest.decode(bytes) }),
    },
    response: empty('FenceResponse', { kind: 'fenced' }),
  },
  closeExport: {
    kind: 'closeExport',
    path: pathOf('CloseExport'),
    request: {
      name: 'CloseExportRequest',
      encode: (value) => CloseExportRequest.encode(as(value, 'closeExport')),
      decode: (bytes) => ({ kind: 'closeExport', ...CloseExportRequest.decode(bytes) }),
    },
    response: empty('CloseExportResponse', { kind: 'closed' }),
  },
  deleteDisk: {
    kind: 'deleteDisk',
    path: pathOf('DeleteDisk'),
    request: {
      name: 'DeleteDiskRequest',
      encode: (value) => {
        const request = as(value, 'deleteDisk');
        return DeleteDiskRequest.encode({ ...request, vm: request.vm ?? '' });
      },
      decode: (bytes) => deletion(DeleteDiskRequest.decode(bytes)),
    },
    response: empty('DeleteDiskResponse', { kind: 'deleted' }),
  },
};

function deletion({ disk, vm, fenceToken }: Infer<typeof DeleteDiskRequest>): StorageRequest {
  return { kind: 'deleteDisk', disk, vm: vm === '' ? undefined : vm, fenceToken };
}

function pathOf(method: string): string {
  return `/${storageServiceName}/${method}`;
}

/** A response that says no more than that it was done. */
function empty(name: string, response: StorageResponse): StorageMethod['response'] {
  return {
    name,
    encode: () => CreateDiskResponse.encode({}),
    decode: (bytes) => {
      CreateDiskResponse.decode(bytes);
      return response;
    },
  };
}

type Kinded = StorageRequest | StorageResponse;

function as<Kind extends Kinded['kind']>(value: Kinded, kind: Kind): Extract<Kinded, { kind: Kind }> {
  if (value.kind !== kind) return unreachable(value as never);
  return value as Extract<Kinded, { kind: Kind }>;
}
