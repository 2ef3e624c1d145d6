import { between } from '../../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { drawChronik } from '../../sim/chronik/swarm.ts';
import { seededPrng } from '../../sim/prng.ts';

/** The brokers and misfortunes of a seed, with producers of transactions that are killed, and readers of what is committed. */
export const chronikTransactions: ChronikScenarioSource = {
  name: 'chronik-transactions',
  about:
    'Transactions whose producers, coordinators and leaders are killed in their midst: all of one is ever seen, or nothing.',
  plan: (seed) => {
    const drawn = drawChronik(seed);
    const prng = seededPrng(`chronik transactions ${seed}`);
    const { workload } = drawn;
    const [consumer] = workload.consumers;
    return {
      ...drawn,
      name: chronikTransactions.name,
      about: chronikTransactions.about,
      workload: {
        ...workload,
        // Nothing but transactions decides here what is there to be read.
        topics: workload.topics.map((topic) => ({
          ...topic,
          configs: {
            ...topic.configs,
            'retention.ms': '-1',
            'unclean.leader.election.enable': 'false',
          },
        })),
        admin:
          workload.admin === undefined
            ? undefined
            : { ...workload.admin, mix: { electPreferred: 1, reassign: workload.admin.mix.reassign ?? 0 } },
        producers: workload.producers.slice(0, 1),
        consumers: [
          {
            isolation: 'readCommitted',
            requestTimeoutUs: consumer?.requestTimeoutUs ?? 2 * usPerSecond,
            pauseUsMax: consumer?.pauseUsMax ?? 100 * usPerMs,
            fetchBytesMax: consumer?.fetchBytesMax ?? 1_000_000,
          },
          ...workload.consumers.slice(1),
        ],
        transactional: Array.from({ length: between(prng, 1, 3) }, (_, at) => ({
          transactionalId: `ledger-${at}`,
          timeoutMs: between(prng, 2_000, 10_000),
          partitionsMax: between(prng, 1, 4),
          thinkUsMax: between(prng, 20, 500) * usPerMs,
          lifeUsMax: between(prng, 4, 40) * usPerSecond,
        })),
      },
      floors: { acknowledged: 1, transactions: 1 },
    };
  },
};
