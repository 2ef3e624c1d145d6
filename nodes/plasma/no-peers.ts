import { assert } from '../../core/base/assert.ts';

/** Processes of PlasmaVMC ask and answer; nothing is sent between their machines. */
export const noPeers = {
  send: (): void => {
    assert(false, 'a process of PlasmaVMC has no peers');
  },
  sendSnapshot: (): Promise<void> => Promise.reject(new Error('a process of PlasmaVMC has no peers')),
};
