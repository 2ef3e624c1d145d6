import { hypervisorContract } from '../../contract/hypervisor-contract.ts';
import { describeWith } from '../requirement.ts';
import { QemuSubject } from './qemu-subject.ts';

describeWith(['qemu-system-x86_64', 'qemu-img', 'qemu-nbd'], 'the hypervisor port on QEMU', () =>
  hypervisorContract(() => QemuSubject.open()),
);
