import { assert } from '../../core/base/assert.ts';
import { type ActEffect, type ReplyEffect } from '../../core/base/effects.ts';
import { type DiskFailure } from '../disk/failure.ts';
import {
  type ProcessEffect,
  type ProcessEvent,
  type ProcessMachine,
  type ProcessTypes,
} from '../process-protocol.ts';
import { type ProcessSurroundings, type SimulatedProcess } from '../process.ts';
import { Violation } from '../types.ts';

/** Surroundings of machines that are asked and act, and have neither peers nor streams nor snapshots. */
export abstract class PortSurroundings<
  M extends ProcessMachine<T>,
  T extends ProcessTypes,
> implements ProcessSurroundings<M, T> {
  abstract reply(from: SimulatedProcess<M, T>, effect: ReplyEffect<T['response']>): void;
  abstract act(from: SimulatedProcess<M, T>, effect: ActEffect<T['act']>): void;
  abstract recovered(process: SimulatedProcess<M, T>, machine: M): void;
  abstract stepped(
    process: SimulatedProcess<M, T>,
    event: ProcessEvent<T>,
    effects: readonly ProcessEffect<T>[],
    machine: M,
  ): void;
  abstract ended(process: SimulatedProcess<M, T>): void;

  synced(): void {}

  send(): void {
    assert(false, 'it has no peers');
  }

  notify(): void {
    assert(false, 'it has no streams');
  }

  endStream(): void {
    assert(false, 'it has no streams');
  }

  sendSnapshot(): void {
    assert(false, 'it has no snapshots');
  }

  /** Disks here lose power, and are well otherwise: whoever ends by his has misread it. */
  diskFailed(process: SimulatedProcess<M, T>, failure: DiskFailure, why?: string): void {
    throw new Violation('data-lost', `n${process.node} ended by its disk (${failure}): ${why ?? ''}`);
  }
}
