/**
 * The words kernel and screen exchange, version 1. Knows types; what checks them is in guards.ts.
 * Every module speaks these types; the Python side is jobkernel/notebook/graph_view.py.
 */
import type {
  Automation,
  AutomationChange,
  AutomationDetails,
  LookPreview,
  TickDetails,
  TickRow
} from './protocol/automation';
import type { BackfillRow } from './protocol/backfills';
import type { Details } from './protocol/details';
import type { PackedGraph, SentStatusMap, StatusMap } from './protocol/graph';
import type { PartitionList } from './protocol/partitions';
import type { LogLine, Queue, RunDetails, RunRow } from './protocol/runs';
import type { Scope, StatusWord } from './protocol/words';
import type { AgainQuery, LayoutQuery, PartQuery, PreviewQuery, RunsQuery, TicksQuery } from './queries';

export const PROTOCOL = 1;

export type JobRow = { name: string; kind: 'asset' | 'op'; keys: string[] };
/** An op that a cell defined, the jobs that use it, and the keys of its steps there among the statuses. */
export type OpRow = { name: string; uses: { job: string; keys: string[] }[] };

export interface Snapshot {
  protocol: number;
  seq: number;
  project: string;
  notebook: string | null;
  kernel_id: string;
  jobs: JobRow[];
  ops: OpRow[];
  graph: PackedGraph;
  status: StatusMap;
  runs: RunRow[];
  /** The newest. */
  backfills: BackfillRow[];
  queue: Queue;
  automation: Automation;
}
export interface SentSnapshot extends Omit<Snapshot, 'status'> {
  status: SentStatusMap;
}

export interface Plan {
  keys: string[];
  missing_upstream: string[];
  expected_s: number | null;
  text: string;
}

/** What each request takes and what its answer holds. */
export interface Operations {
  snapshot: { fields: Record<string, never>; result: SentSnapshot };
  /** The still picture, by mime type, for the notebook's file. */
  picture: { fields: PartQuery; result: Record<string, unknown> };
  layout: { fields: LayoutQuery; result: PackedGraph };
  select: { fields: { text: string }; result: { keys: string[] } };
  details: { fields: { key: string }; result: Details };
  plan: { fields: { keys: string[]; scope: Scope }; result: Plan };
  materialize: {
    fields: { keys: string[]; scope: Scope; include_missing: boolean };
    result: { run_id: string | null; text?: string };
  };
  /** Of those whose key holds the text and that stand so, newest first. */
  partitions: { fields: { key: string; text: string; status: StatusWord | null }; result: PartitionList };
  /** What `--partition` says: a key, a range, missing, failed, stale; a run of one, a backfill over several. */
  materialize_partitions: {
    fields: { key: string; partition: string };
    result: { run_id: string | null; text: string };
  };
  launch: { fields: { job: string }; result: { run_id: string } };
  cancel: { fields: { run_id: string; force: boolean }; result: { text: string } };
  reexecute: { fields: AgainQuery; result: { run_id: string } };
  /** What a re-execution would run. */
  replan: { fields: AgainQuery; result: { steps: string[]; expected_s: number | null; text: string } };
  /** The runs of one backfill, or those of none and the backfills beside them. */
  runs: { fields: RunsQuery; result: { rows: RunRow[]; more: boolean; backfills: BackfillRow[] } };
  cancel_backfill: { fields: { backfill_id: string; force: boolean }; result: { text: string } };
  /** Run again what it did not make, in this kernel. */
  retry_backfill: { fields: { backfill_id: string }; result: { text: string } };
  /** Go on with what a kernel that is gone had not launched. */
  resume_backfill: { fields: { backfill_id: string }; result: { text: string } };
  run: { fields: { run_id: string }; result: RunDetails };
  log: {
    fields: { run_id: string; step_key: string | null; after: number };
    result: { lines: LogLine[]; ended: boolean };
  };
  automation: { fields: { name: string }; result: AutomationDetails };
  ticks: { fields: TicksQuery; result: { rows: TickRow[]; more: boolean } };
  tick: { fields: { tick_id: string }; result: TickDetails };
  scheduler: { fields: Record<string, never>; result: { alive: boolean; turned_at: number | null } };
  /** On, off, or as its definition says. */
  switch: { fields: { name: string; on: boolean | null }; result: { on: boolean; next: number[] } };
  set_cursor: { fields: { name: string; cursor: string | null }; result: { cursor: string | null } };
  /** All run keys where none are named. */
  reset_keys: { fields: { name: string; keys: string[] | null }; result: { text: string } };
  preview: { fields: PreviewQuery; result: LookPreview };
  launch_preview: { fields: { token: string }; result: { run_ids: string[] } };
}
export type Operation = keyof Operations;

export interface Request {
  id: number;
  op: string;
  [field: string]: unknown;
}
export type Reply = { id: number; ok: true; result: unknown } | { id: number; ok: false; error: string };

export interface StatusPush {
  push: 'status';
  seq: number;
  status: SentStatusMap;
  runs: RunRow[];
  backfills?: BackfillRow[];
  queue?: Queue;
  automation?: AutomationChange;
}
export type GraphPush = { push: 'graph'; seq: number; snapshot: SentSnapshot };
export type GonePush = { push: 'gone'; reason: string };
export type Push = StatusPush | GraphPush | GonePush;

export type { Host, PinnedNotebook, Shown } from './host';
export type * from './protocol/automation';
export type * from './protocol/backfills';
export type * from './protocol/conditions';
export type * from './protocol/details';
export type * from './protocol/graph';
export type * from './protocol/partitions';
export type * from './protocol/runs';
export type * from './protocol/words';
export type { AgainQuery, LayoutQuery, PartQuery, PreviewQuery, RunsQuery, TicksQuery } from './queries';
export { ACTIVE, isActive, runGlyph } from './run_status';
