import { expect } from 'vitest';

import { type KafkaError, kafkaErrorOf } from '../../../../core/wire/kafka/error-codes.ts';
import { joinDefaults, text } from './members.ts';
import { errorIn, Stage } from './stage.ts';

const partitions = 4;

/** What happens next; `client` says whom it happens to. */
export type Happening =
  | { readonly kind: 'act' | 'commit' | 'commitStale' | 'leave' | 'forget'; readonly client: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'hold' | 'settle' | 'refuse' | 'fetch' }
  | { readonly kind: 'failOver'; readonly unsynced: 'kept' | 'lost' | 'waits' };

type Phase = 'idle' | 'joining' | 'syncing' | 'stable';

/** A client that does what clients do, and believes what it is told. */
interface Client {
  readonly instanceId: string | undefined;
  memberId: string;
  generation: number;
  phase: Phase;
  requestId: number;
  /** What the leader's answer said of the others. */
  others: readonly string[];
  leads: boolean;
}

/**
 * A group whose members come, share out, commit, fall silent and leave, while coordinators come and go. What must hold:
 *
 * - a partition has one owner a generation, however often and by whomever that generation is told (invariant 14);
 * - an acknowledged commit is known until another takes its place, and what was once told is never taken back;
 * - who commits in a generation that a later one has replaced is refused;
 * - every request is answered once.
 */
export class RandomLife {
  readonly stage: Stage;
  readonly #clients: readonly Client[];
  /** By generation, who owns each partition as far as anybody was told. */
  readonly #owners = new Map<number, Map<number, string>>();
  /** The latest generation that anybody was told the shares of. */
  #shared = 0;
  readonly #commits = Array.from({ length: partitions }, () => new CommitModel());
  #commitSeq = 0;

  constructor(seed: string) {
    this.stage = new Stage({ seed, settings: { pendingAppendsMax: 8 } });
    this.#clients = [undefined, undefined, undefined, 'static-a', 'static-b'].map((instanceId) => ({
      instanceId,
      memberId: '',
      generation: -1,
      phase: 'idle',
      requestId: 0,
      others: [],
      leads: false,
    }));
  }

  /** Commits in a generation that had been replaced. */
  staleCommits = 0;

  get sharedGenerations(): number {
    return this.#owners.size;
  }

  happen(happening: Happening): void {
    const { stage } = this;
    switch (happening.kind) {
      case 'act':
        return this.#act(this.#client(happening.client));
      case 'commit':
        return this.#commit(this.#client(happening.client));
      case 'commitStale':
        return this.#commitStale(this.#client(happening.client));
      case 'leave':
        return this.#leave(this.#client(happening.client));
      case 'forget':
        // The process was killed: it comes back knowing nothing.
        Object.assign(this.#client(happening.client), { memberId: '', generation: -1, phase: 'idle' });
        return;
      case 'pass':
        return stage.pass(happening.ms);
      case 'hold':
        stage.durable = false;
        return;
      case 'settle':
        stage.durable = true;
        stage.refusal = undefined;
        stage.settle();
        return;
      case 'refuse':
        stage.refusal = 'NOT_ENOUGH_REPLICAS';
        return;
      case 'fetch':
        return this.#fetch();
      case 'failOver':
        stage.failOver(happening.unsynced);
        return this.#noteAnswers();
    }
  }

  /** All is well again: whoever is still there gets its share. */
  heal(): void {
    this.happen({ kind: 'settle' });
    this.stage.pass(1_000);
    for (let round = 0; round < 12; round += 1) {
      for (const client of this.#clients) {
        this.#act(client);
        this.#act(client);
      }
      this.stage.pass(3_000);
    }
    expect(this.#clients.map(({ phase }) => phase)).toEqual(this.#clients.map(() => 'stable'));
    const generations = new Set(this.#clients.map(({ generation }) => generation));
    expect(generations.size).toBe(1);
    const owners = this.#owners.get(this.#clients[0]?.generation ?? -1);
    expect(owners?.size).toBe(partitions);
    this.#noteAnswers();
    this.#fetch();
    for (const client of this.#clients) this.#commitStale(client);
  }

  #client(at: number): Client {
    return this.#clients[at % this.#clients.length] as Client;
  }

  #act(client: Client): void {
    switch (client.phase) {
      case 'idle':
        return this.#join(client);
      case 'joining':
        return this.#joined(client);
      case 'syncing':
        return this.#synced(client);
      case 'stable':
        return this.#heartbeat(client);
    }
  }

  #join(client: Client): void {
    const { memberId, instanceId } = client;
    client.requestId = this.stage.send('joinGroup', {
      ...joinDefaults,
      memberId,
      groupInstanceId: instanceId,
    });
    client.phase = 'joining';
    this.#joined(client);
  }

  #joined(client: Client): void {
    const { stage } = this;
    if (!stage.isAnswered(client.requestId)) return;
    const answer = stage.answer<'joinGroup'>(client.requestId);
    const error = errorIn(answer);
    client.phase = 'idle';
    if (error === 'MEMBER_ID_REQUIRED') client.memberId = answer.memberId;
    else if (error !== 'NONE') return this.#lostPlace(client, error);
    else {
      client.memberId = answer.memberId;
      client.generation = answer.generationId;
      client.leads = answer.leader === answer.memberId && !answer.skipAssignment;
      client.others = answer.members.map(({ memberId }) => memberId);
      this.#sync(client);
    }
  }

  #sync(client: Client): void {
    const shares = new Map<string, number[]>(client.others.map((id) => [id, []]));
    for (let partition = 0; client.leads && partition < partitions; partition += 1) {
      shares.get(client.others[partition % client.others.length] ?? '')?.push(partition);
    }
    client.requestId = this.stage.send('syncGroup', {
      groupId: 'g',
      memberId: client.memberId,
      groupInstanceId: client.instanceId,
      generationId: client.generation,
      assignments: [...shares].map(([memberId, owned]) => ({ memberId, assignment: text(owned.join()) })),
    });
    client.phase = 'syncing';
    this.#synced(client);
  }

  #synced(client: Client): void {
    const { stage } = this;
    if (!stage.isAnswered(client.requestId)) return;
    const answer = stage.answer<'syncGroup'>(client.requestId);
    client.phase = 'idle';
    if (answer.errorCode !== 0) return this.#lostPlace(client, errorIn(answer));
    client.phase = 'stable';
    this.#noteShare(client, new TextDecoder().decode(answer.assignment));
  }

  #noteShare({ generation, memberId, instanceId }: Client, share: string): void {
    this.#shared = Math.max(this.#shared, generation);
    const owners = this.#owners.get(generation) ?? new Map<number, string>();
    this.#owners.set(generation, owners);
    for (const partition of share === '' ? [] : share.split(',').map(Number)) {
      // A static member's new self takes over what its former self had, which is fenced.
      const owner = instanceId ?? memberId;
      expect(owners.get(partition) ?? owner, `owner of ${partition} in generation ${generation}`).toBe(owner);
      owners.set(partition, owner);
    }
  }

  #heartbeat(client: Client): void {
    const { memberId, instanceId, generation } = client;
    const asked = { groupId: 'g', memberId, groupInstanceId: instanceId, generationId: generation };
    const error = errorIn(this.stage.ask('heartbeat', asked));
    if (error !== 'NONE') this.#lostPlace(client, error);
  }

  /** As clients do: some errors cost the id, all of them the generation. */
  #lostPlace(client: Client, error: KafkaError): void {
    client.phase = 'idle';
    if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') client.memberId = '';
  }

  #leave(client: Client): void {
    const { memberId, instanceId } = client;
    if (client.phase === 'joining' || client.phase === 'syncing') return;
    this.stage.ask('leaveGroup', { groupId: 'g', members: [{ memberId, groupInstanceId: instanceId }] });
    Object.assign(client, { memberId: '', generation: -1, phase: 'idle' });
  }

  #commit(client: Client): void {
    if (client.phase !== 'stable') return;
    const partition = this.#commitSeq % partitions;
    const model = this.#commits[partition] as CommitModel;
    const requestId = this.#sendCommit(client, client.generation, partition);
    model.send(requestId, this.#commitSeq);
    this.#noteAnswers();
  }

  #commitStale(client: Client): void {
    if (this.#shared < 2 || client.memberId === '') return;
    const generation = this.#shared - 1;
    const requestId = this.#sendCommit(client, generation, 0);
    const answer = this.stage.answer<'offsetCommit'>(requestId);
    this.staleCommits += 1;
    expect(kafkaErrorOf(answer.topics[0]?.partitions[0]?.errorCode ?? 0)).not.toBe('NONE');
  }

  #sendCommit({ memberId, instanceId }: Client, generation: number, partition: number): number {
    this.#commitSeq += 1;
    return this.stage.send('offsetCommit', {
      groupId: 'g',
      memberId,
      groupInstanceId: instanceId,
      generationIdOrMemberEpoch: generation,
      topics: [
        { name: 'orders', partitions: [{ partitionIndex: partition, committedOffset: this.#commitSeq }] },
      ],
    });
  }

  #noteAnswers(): void {
    for (const model of this.#commits) {
      model.note((requestId) => {
        if (!this.stage.isAnswered(requestId)) return undefined;
        return this.stage.answer<'offsetCommit'>(requestId).topics[0]?.partitions[0]?.errorCode ?? 0;
      });
    }
  }

  #fetch(): void {
    this.#noteAnswers();
    const partitionIndexes = Array.from({ length: partitions }, (_, partition) => partition);
    const topics = [{ name: 'orders', partitionIndexes }];
    const { groups } = this.stage.ask('offsetFetch', { groups: [{ groupId: 'g', topics }] });
    if (groups[0]?.errorCode !== 0) return;
    for (const [at, { committedOffset }] of (groups[0].topics[0]?.partitions ?? []).entries()) {
      this.#commits[at]?.fetched(committedOffset, at);
    }
  }
}

/** What a partition's offset may be: the last that is known to have counted, or one of those sent since. */
class CommitModel {
  /** In the order in which they were sent. The first is known to have counted; −1: that there was none. */
  #possible: { readonly requestId: number; readonly offset: number; answered: boolean }[] = [
    { requestId: 0, offset: -1, answered: true },
  ];

  send(requestId: number, offset: number): void {
    this.#possible.push({ requestId, offset, answered: false });
  }

  /** A commit that was acknowledged puts an end to all before it. One that failed may have counted all the same. */
  note(errorOf: (requestId: number) => number | undefined): void {
    for (const one of this.#possible) {
      if (one.answered) continue;
      const error = errorOf(one.requestId);
      if (error === undefined) continue;
      one.answered = true;
      if (error === 0) this.#possible = this.#possible.slice(this.#possible.indexOf(one));
    }
  }

  fetched(offset: number, partition: number): void {
    const at = this.#possible.findIndex((one) => one.offset === offset);
    const known = this.#possible.map((one) => one.offset).join();
    expect(at, `offset ${offset} of partition ${partition} is one of ${known}`).toBeGreaterThanOrEqual(0);
    this.#possible = this.#possible.slice(at);
  }
}
