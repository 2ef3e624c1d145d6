import { type ImageFetchAct } from '../../../core/plasma/images/image-fetch.ts';
import { type Digest, type NodeName } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type Execution } from '../hypervisor-types.ts';
import { type PlasmaState } from '../state.ts';
import { type TrueCommit } from '../truth.ts';

/**
 * No virtual machine starts on bytes that are not those of its image: whenever one executes, what its node has under each of its
 * images' digests is what the image's owner has, byte for byte. And while somebody uses an image, the catalogue has it. It counts
 * what nodes have fetched.
 *
 * Not verified: what the guest reads, which is its hypervisor's, and images that servers import.
 */
export class ImagesWhole implements PlasmaChecker {
  readonly name = 'images-whole';

  onExecution({ node, instance }: Execution, state: PlasmaState): void {
    const spec = state.truth.vms.get(instance.vm)?.spec;
    for (const { image } of spec?.disks ?? []) {
      if (image !== undefined) judge(node, image, `${instance.vm} starts on`, state);
    }
  }

  onImageAct(node: NodeName, digest: Digest, act: ImageFetchAct, { cloud, counts }: PlasmaState): void {
    if (act.kind !== 'finish') return;
    const { images } = cloud.node(node).machine;
    if (sameBytes(images.partial(digest), cloud.images.original(digest))) counts.imagesFetched += 1;
    else counts.imagesRefused += 1;
  }

  onCommit({ rows }: TrueCommit, { truth }: PlasmaState): void {
    if (!rows.some(({ table }) => table === 'vms' || table === 'images')) return;
    const known = new Set([...truth.images.values()].map(({ project, digest }) => `${project}/${digest}`));
    for (const { spec } of truth.vms.values()) {
      for (const { image } of spec.disks) {
        if (image === undefined || known.has(`${spec.project}/${image}`)) continue;
        const detail = `${spec.name} uses ${image}, which is not in the catalogue of ${spec.project}`;
        throw new Violation('images-whole', detail, 'removed while it is used');
      }
    }
  }

  onEnd(state: PlasmaState): void {
    for (const { name, machine } of state.cloud.nodes)
      for (const digest of machine.images.digests) judge(name, digest, 'it has', state);
  }
}

function judge(node: NodeName, digest: Digest, what: string, { cloud }: PlasmaState): void {
  const there = cloud.node(node).machine.images.whole(digest);
  if (there !== undefined && sameBytes(there, cloud.images.original(digest))) return;
  const detail = `on ${node}, ${what} ${there?.length ?? 'no'} bytes as ${digest}, and they are others`;
  throw new Violation('images-whole', detail, 'other bytes');
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
