import { type StorageRequest, type StorageResponse } from '../../../core/plasma/storage-protocol.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type CarriedOutWrite } from '../storage.ts';

/** Who was last confirmed to be a disk's writer. */
interface Fence {
  readonly vm: string;
  readonly fenceToken: number;
}

/**
 * Once the storage node has answered that a token is a disk's newest, nothing reaches the disk under a lower one, whether or
 * not any watchdog runs (invariant 3); and tokens of the writes of one virtual machine to a disk never fall.
 *
 * Not verified: that data which guests were told to be written is there.
 */
export class NewestTokenWrites implements PlasmaChecker {
  readonly name = 'newest-token-writes';
  readonly #fences = new Map<string, Fence>();
  readonly #written = new Map<string, number>();

  onStorageAnswered(request: StorageRequest, response: StorageResponse): void {
    if (request.kind === 'deleteDisk' && response.kind === 'deleted') this.#forget(request.disk);
    const isFence =
      (request.kind === 'openExport' && request.activate && response.kind === 'opened') ||
      (request.kind === 'fence' && response.kind === 'fenced');
    if (!isFence) return;
    const { disk, vm, fenceToken } = request;
    const there = this.#fences.get(disk);
    if (there?.vm === vm && there.fenceToken > fenceToken) {
      const detail = `token ${fenceToken} of ${vm} was opened on ${disk}, where ${there.fenceToken} was the newest`;
      throw new Violation('newest-token-writes', detail, 'opened under an older token');
    }
    this.#fences.set(disk, { vm, fenceToken });
  }

  onWritten({ disk, holder }: CarriedOutWrite): void {
    const { vm, fenceToken } = holder;
    const fence = this.#fences.get(disk);
    if (fence?.vm === vm && fence.fenceToken > fenceToken) {
      const detail = `${vm} wrote to ${disk} under token ${fenceToken}, where ${fence.fenceToken} was confirmed as the newest`;
      throw new Violation('newest-token-writes', detail, 'written under an older token');
    }
    const key = `${disk} ${vm}`;
    const highest = this.#written.get(key) ?? 0;
    if (fenceToken < highest) {
      const detail = `${vm} wrote to ${disk} under token ${fenceToken} after ${highest}`;
      throw new Violation('newest-token-writes', detail, 'tokens of writes fall');
    }
    this.#written.set(key, fenceToken);
  }

  #forget(disk: string): void {
    this.#fences.delete(disk);
    for (const key of [...this.#written.keys()]) if (key.startsWith(`${disk} `)) this.#written.delete(key);
  }
}
