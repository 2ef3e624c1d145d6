import { type Explanation } from './explanation.ts';

const spec = "PlasmaVMC's invariants";

/** What the VM platform must keep to. */
export const plasmaExplanations: Readonly<Record<string, Explanation>> = {
  'capacity-kept': {
    sentence: 'No node has more allocated than it has, with migrations counted at both ends.',
    source: `${spec}: 1`,
  },
  'never-twice': {
    sentence: 'At most one node executes a virtual machine at any instant, by the true clock.',
    source: `${spec}: 2`,
  },
  'newest-token-writes': {
    sentence: 'A disk accepts writes only under its newest fencing token, whether or not the watchdog runs.',
    source: `${spec}: 3`,
  },
  'one-vm-a-request': {
    sentence: 'A request makes one virtual machine, whatever is retried, doubled or failed over.',
    source: `${spec}: 4`,
  },
  'inventory-first': {
    sentence:
      'After a restart an agent launches nothing before its inventory was judged, and no process is left that it does not know.',
    source: `${spec}: 5`,
  },
  'rules-kept': {
    sentence: 'Anti-affinity and quotas hold after every commit, not only when something is scheduled.',
    source: `${spec}: 7`,
  },
  'capacity-reused-late': {
    sentence:
      'What a virtual machine takes of a node is given away only once it does not execute there any more.',
    source: `${spec}: 8`,
  },
  'removed-on-evidence': {
    sentence: 'No file, disk or row is removed because somebody does not know of it.',
    source: `${spec}: 9`,
  },
  'answered-alike': {
    sentence: 'An operation id takes effect once, and is answered the same however often it is asked.',
    source: `${spec}: 10`,
  },
  'terms-fenced': {
    sentence: 'Commits follow each other without gaps, and none is made while nobody leads.',
    source: "PlasmaVMC's terms: the leader's key and its create revision",
  },
  'images-whole': {
    sentence: 'No virtual machine starts on bytes that are not those of its image.',
    source: 'PlasmaVMC: images by the digest of their bytes, fetched with a digest check',
  },
  'fetch-resumed': {
    sentence: 'A fetch of an image goes on where it stopped, and throws nothing away that is right.',
    source: 'PlasmaVMC: resumable agent fetch',
  },
  'operations-once': {
    sentence: 'A snapshot is taken, gone back to and removed once for each time that it was asked for.',
    source: `${spec}: 10`,
  },
  'restarts-kept': {
    sentence: 'What ends by itself is started again as its restart policy says, after a wait.',
    source: 'PlasmaVMC: restart policy (always, on-failure, never), guest crash handling',
  },
};
