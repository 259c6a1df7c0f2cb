/** What some requests of the protocol ask for. */
import type { Direction } from './protocol';

/** What of a run to run again: all, what is left of it, or what clauses such as `load*` (load and below) select. */
export interface AgainQuery {
  run_id: string;
  from_failure: boolean;
  steps: string[];
}

/** A part of the graph: what a job makes, or what a selection names; all where neither is said. */
export interface PartQuery {
  job?: string | null;
  selection?: string | null;
}

export interface LayoutQuery extends PartQuery {
  focus?: string | null;
  depth?: number;
  collapsed?: string[];
  direction?: Direction;
}

export interface RunsQuery {
  job?: string | null;
  status?: string | null;
  before?: number | null;
  limit?: number;
  /** The id of the backfill whose runs are asked for. */
  backfill?: string | null;
}

export interface TicksQuery {
  name: string;
  status?: string | null;
  /** The id of the tick that those asked for come before. */
  before?: string | null;
  /** Only those before this moment. */
  until?: number | null;
  limit?: number;
}

/** How long an answer may take: a preview calls the notebook's own functions. */
export const answerWithin = (op: string, usual: number): number => (op === 'preview' ? 70_000 : usual);

/** A look at a time of a schedule, in its zone, or with a cursor of a sensor. */
export interface PreviewQuery {
  name: string;
  at?: string;
  cursor?: string | null;
}
