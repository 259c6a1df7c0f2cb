/** What some requests of the protocol ask for. */
import type { Direction } from './protocol';

/** What of a run to run again: all, what is left of it, or what clauses such as `load*` (load and below) select. */
export interface AgainQuery {
  run_id: string;
  from_failure: boolean;
  steps: string[];
}

export interface LayoutQuery {
  job?: string | null;
  selection?: string | null;
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
}
