import { assert } from '../../core/base/assert.ts';
import { nodeId, type NodeId } from '../../core/base/ids.ts';
import { type NodeName } from '../../core/plasma/types.ts';

/**
 * Who is where in the simulated network: members of Chainfire 1 to 9, servers from 11, the storage node 21, agents from 31.
 * Watchdogs (from 51) and whole machines (from 71) have numbers for faults only: nothing is sent to them.
 */
const serversFrom = 11;
export const storageAddress: NodeId = nodeId(21);
const agentsFrom = 31;
const watchdogsFrom = 51;
const machinesFrom = 71;
export const serversMax = 9;
export const nodesMax = 9;

export function serverAddress(position: number): NodeId {
  assert(position >= 0 && position < serversMax, 'there are at most 9 servers');
  return nodeId(serversFrom + position);
}

export function agentAddress(position: number): NodeId {
  assert(position >= 0 && position < nodesMax, 'there are at most 9 nodes');
  return nodeId(agentsFrom + position);
}

export function watchdogAddress(position: number): NodeId {
  return nodeId(watchdogsFrom + position);
}

/** Of the machine with all that runs on it: a crash is a loss of power, a pause freezes everything. */
export function machineAddress(position: number): NodeId {
  return nodeId(machinesFrom + position);
}

export function nodeNameOf(position: number): NodeName {
  return `node-${position}`;
}

/** A process that asks others is at the same address as when it is asked: clients have the addresses below zero. */
export function clientAt(address: NodeId): number {
  return -1 - address;
}
