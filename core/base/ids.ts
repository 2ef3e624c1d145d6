import { assert } from './assert.ts';

/** A member of a cluster: 1..n by name order at bootstrap, then allocated through the log, never used again. */
export type NodeId = number & { readonly brand: 'NodeId' };

/** A Raft group on a node. A node of Chainfire has one, a node of FlareDB many. */
export type GroupId = number & { readonly brand: 'GroupId' };

export function nodeId(value: number): NodeId {
  assert(Number.isSafeInteger(value) && value > 0, 'a node id is a positive safe integer');
  return value as NodeId;
}

export function groupId(value: number): GroupId {
  assert(Number.isSafeInteger(value) && value > 0, 'a group id is a positive safe integer');
  return value as GroupId;
}
