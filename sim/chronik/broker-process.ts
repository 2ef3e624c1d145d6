import {
  type BrokerEffect,
  type BrokerEvent,
  type BrokerMessage,
  type BrokerRequest,
  type BrokerResponse,
} from '../../core/chronik/broker-protocol.ts';
import { type ChronikBroker } from '../../core/chronik/broker.ts';
import { type SnapshotHeader } from '../../core/raft/types.ts';
import { type NoStreams, type ProcessTypes } from '../process-protocol.ts';
import { type SimulatedProcess } from '../process.ts';

/** What a broker adds to the events and effects of every machine. */
export interface BrokerTypes extends ProcessTypes {
  readonly request: BrokerRequest;
  readonly response: BrokerResponse;
  readonly message: BrokerMessage;
  readonly header: SnapshotHeader;
  readonly act: never;
  readonly report: never;
  readonly stream: NoStreams;
}

export type BrokerProcess = SimulatedProcess<ChronikBroker, BrokerTypes>;

export type { BrokerEffect, BrokerEvent };
