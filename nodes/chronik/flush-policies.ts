import { type FlushPolicy } from '../../adapters/segments/relaxed-file-layer.ts';
import { type BrokerView } from '../../core/chronik/broker-view.ts';
import { Configs } from '../../core/chronik/configs.ts';

interface Known {
  /** What it was derived from: replaced when it changes. */
  readonly own: ReadonlyMap<string, string>;
  readonly ofAllBrokers: ReadonlyMap<string, string>;
  readonly policy: FlushPolicy;
}

const always: FlushPolicy = { kind: 'always' };
/** `partitions/{topic}-{partition}.{created}/{file}`; whatever else there is, the metadata's log above all, is always flushed. */
const partitionFile = /\/partitions\/[^/]+\.([0-9]+)\/[^/]+$/;
/** Topics that are remembered; more than a broker has, it forgets all and asks again. */
const knownMax = 10_000;

/** By whose topic a file is: `flush.policy` and `flush.ms` as they are in force. */
export class FlushPolicies {
  #view: Pick<BrokerView, 'image'> | undefined;
  #configs: Configs | undefined;
  /** By the index at which the topic was made. */
  readonly #known = new Map<number, Known>();

  /** Before this, everything is flushed. */
  attach(view: Pick<BrokerView, 'image' | 'config'>): void {
    this.#view = view;
    this.#configs = new Configs(view.image, view.config.settings);
  }

  policyOf(path: string): FlushPolicy {
    const created = Number(partitionFile.exec(path)?.[1] ?? '0');
    const image = this.#view?.image;
    const topic = created === 0 ? undefined : image?.topicByCreated(created);
    if (image === undefined || topic === undefined || this.#configs === undefined) return always;
    const ofAllBrokers = image.brokerConfigs('');
    const known = this.#known.get(created);
    if (known?.own === topic.configs && known.ofAllBrokers === ofAllBrokers) return known.policy;
    const { flushPolicy, flushMs } = this.#configs.topic(topic);
    const policy: FlushPolicy =
      flushPolicy === 'interval' ? { kind: 'interval', ms: flushMs } : { kind: flushPolicy };
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(created, { own: topic.configs, ofAllBrokers, policy });
    return policy;
  }
}
