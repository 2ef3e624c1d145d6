import { type ChronikBroker } from '../../core/chronik/broker.ts';
import { type KafkaCall } from '../../core/wire/kafka/apis.ts';
import { type BrokerEffect, type BrokerEvent, type BrokerProcess } from './broker-process.ts';
import { type LogEvent } from './log-mirror.ts';
import { type ChronikState, type MetadataChange, type ReplicaChange } from './state.ts';

/** What a checker of brokers sees: everything, after every step of every broker. */
export interface ChronikChecker {
  readonly name: string;
  /** After a broker's step. @throws Violation */
  onStep?(step: BrokerStep): void;
  /** A broker was built from its disk. @throws Violation */
  onRecovered?(process: BrokerProcess, broker: ChronikBroker, state: ChronikState): void;
  /** An answer leaves its broker. What it tells the world is not yet in `state.truth`. @throws Violation */
  onAnswered?(answer: BrokerAnswer): void;
  /** What it has told the world is in `state.truth`. @throws Violation */
  onTold?(told: ToldRecords): void;
  /** After the liveness phase. @throws Violation */
  onEnd?(state: ChronikState): void;
}

export interface BrokerStep {
  readonly nowUs: number;
  readonly process: BrokerProcess;
  readonly broker: ChronikBroker;
  readonly event: BrokerEvent;
  readonly effects: readonly BrokerEffect[];
  /** Answers among the effects, with what they answer; the body may name records rather than hold them. */
  readonly answers: readonly StepAnswer[];
  /** What has happened to logs, in order. */
  readonly logEvents: readonly LogEvent[];
  readonly replicas: readonly ReplicaChange[];
  /** What is new to everybody in the metadata. */
  readonly metadata: readonly MetadataChange[];
  readonly state: ChronikState;
}

export interface StepAnswer {
  readonly call: KafkaCall;
  readonly body: unknown;
}

export interface BrokerAnswer {
  readonly nowUs: number;
  readonly process: BrokerProcess;
  readonly broker: ChronikBroker;
  readonly call: KafkaCall;
  readonly body: unknown;
  readonly state: ChronikState;
}

/** Records of one partition that an answer has told of. */
export interface ToldRecords {
  readonly nowUs: number;
  readonly process: BrokerProcess;
  /** See `partitionKeyText`. */
  readonly id: string;
  /** Under which the broker led when it answered. */
  readonly leaderEpoch: number;
  readonly told: 'acknowledged' | 'served';
  /** Behind the last of them. */
  readonly endOffset: number;
  readonly state: ChronikState;
}
