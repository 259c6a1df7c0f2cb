/** What the details pane shows of an asset or op, as the kernel tells it (jobkernel/notebook/details.py). */
import type { ConditionShown } from './conditions';
import type { GraphNode, NodeStatus } from './graph';
import type { ErrorShown, LogLine } from './runs';
import type { Cause, Millis, StatusWord } from './words';

export type DiffLine = [' ' | '-' | '+', string];

export interface WhyPart {
  what: Cause | 'missing';
  name: string;
  text: string;
  diff: DiffLine[] | null;
}

export interface Why {
  headline: string;
  parts: WhyPart[];
}

export interface Column {
  name: string;
  dtype: string;
  numeric: boolean;
  index?: boolean; // labels rows: the shape does not count it
}

export type Preview =
  | { form: 'table'; columns: Column[]; rows: string[][]; shape: [number, number] }
  | { form: 'text'; text: string }
  | { form: 'image'; data: string };

export interface MetadataRow {
  name: string;
  kind: string;
  text: string;
  value: unknown;
  history: number[];
}

export interface CheckRow {
  name: string;
  status: 'fresh' | 'failed' | 'never' | 'running';
  severity: string;
  blocking: boolean;
  description: string;
  at: Millis;
}

export interface MaterializationRow {
  run_id: string;
  at: Millis;
  duration_s: number | null;
  status: StatusWord;
  rows: number | null;
}

export interface Details {
  key: string;
  type: GraphNode['type'];
  label: string;
  description: string;
  kind: string;
  group: string;
  owners: string[];
  tags: Record<string, string>;
  upstream: string[];
  downstream: string[];
  status: NodeStatus;
  why: Why | null;
  /** Of an asset that makes itself. */
  condition: ConditionShown | null;
  preview: Preview | null;
  metadata: MetadataRow[];
  checks: CheckRow[];
  materializations: MaterializationRow[];
  code: { source: string; language: 'python' | 'sql'; cell: number | null; cell_id: string | null };
  log: { run_id: string; step_key: string; lines: LogLine[] } | null;
  error: ErrorShown | null;
}
