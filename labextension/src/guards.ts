/**
 * Whether what arrived is what the protocol says, as far as that can be told quickly; refusals. Pure.
 */
import { PROTOCOL } from './protocol';
import type { PackedGraph, Push, Reply, SentSnapshot } from './protocol';

/** A kernel's refusal: one sentence for the person. */
export class Refusal extends Error {}

type Json = Record<string, unknown>;
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function isSnapshot(value: unknown): value is SentSnapshot {
  return (
    isRecord(value) &&
    value.protocol === PROTOCOL &&
    isRecord(value.status) &&
    Array.isArray(value.runs) &&
    Array.isArray(value.jobs) &&
    isGraph(value.graph)
  );
}

export function isGraph(value: unknown): value is PackedGraph {
  return isRecord(value) && [value.nodes, value.edges, value.view].every(isRecord) && Array.isArray(value.groups);
}

export function isReply(value: unknown): value is Reply {
  return isRecord(value) && typeof value.id === 'number' && typeof value.ok === 'boolean';
}

export function isPush(value: unknown): value is Push {
  if (!isRecord(value)) {
    return false;
  }
  switch (value.push) {
    case 'status':
      return isRecord(value.status) && Array.isArray(value.runs);
    case 'graph':
      return isSnapshot(value.snapshot);
    case 'gone':
      return typeof value.reason === 'string';
    default:
      return false;
  }
}

/** Return the result of a reply, or throw the kernel's sentence. */
export function resultOf(reply: unknown): unknown {
  if (!isReply(reply)) {
    throw new Refusal('The kernel sent an answer this version cannot read. Reload the page after upgrading jobkernel.');
  }
  if (!reply.ok) {
    throw new Refusal(reply.error);
  }
  return reply.result;
}
