import { bytes, message, text, uint64 } from '../../wire/protobuf.ts';
import { imageServiceName, vmServiceName } from './user.ts';
import { choice } from './fields.ts';

/** Streams: a console, from a user to a server and from there to an agent; and images on their way in. */

/** The first message says which one; each may carry what is typed. */
export const ConsoleRequest = message('ConsoleRequest', { project: text(1), vm: text(2), input: bytes(3) });
export const ConsoleResponse = message('ConsoleResponse', { output: bytes(1) });
export const consolePath = `/${vmServiceName}/Console`;

export const nodeConsoleServiceName = 'photon.plasma.v1.NodeConsoleService';
/** As an agent is asked: by id and token. */
export const NodeConsoleRequest = message('NodeConsoleRequest', {
  vm: text(1),
  fenceToken: uint64(2),
  input: bytes(3),
});
export const nodeConsolePath = `/${nodeConsoleServiceName}/Open`;

/** The first message says what it is to be, and all carry its bytes. Answered once, at the end. */
export const UploadRequest = message('UploadRequest', {
  format: choice(1, ['raw', 'qcow2']),
  /** Empty: whatever it is. */
  digest: text(2),
  bytes: bytes(3),
});
export const UploadResponse = message('UploadResponse', {
  digest: text(1),
  format: choice(2, ['raw', 'qcow2']),
  fileBytes: uint64(3),
  virtualBytes: uint64(4),
});
export const uploadPath = `/${imageServiceName}/Upload`;
