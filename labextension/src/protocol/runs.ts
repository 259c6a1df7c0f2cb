/** Runs, their steps and logs, and the queue, as the kernel tells them (jobkernel/notebook/snapshot.py, details.py). */
import type { Millis, RunStatus, StatusWord } from './words';

export interface RunRow {
  run_id: string;
  job_name: string;
  /** What to call it: the job, or the assets that were chosen without one. */
  title: string;
  status: RunStatus;
  queued_at: Millis;
  started_at: Millis;
  ended_at: Millis;
  duration_s: number | null;
  trigger: string;
  steps_total: number;
  steps_done: number;
  steps_failed: number;
  segments: StatusWord[];
  error: string | null;
  priority: number;
  tags: Record<string, string>;
  partition_key: string | null;
  /** Why a queued run waits, and how many stand before it. */
  waiting: string | null;
  parent_run_id: string | null;
  root_run_id: string | null;
  /** Its executor, where that is not the project's own. */
  chosen_executor: string | null;
  /** The other notebook whose run it is. */
  notebook: string | null;
  /** The cell that waits for the run. */
  cell_id: string | null;
  /** What the next press on Cancel does; null where the run has ended. */
  cancel: string | null;
  /** Steps that were given up while their threads go on. */
  abandoned: string[];
}

export interface PoolRow {
  name: string;
  held: number;
  waiting: number;
  limit: number;
}

/** The project's queue: whether it starts no runs now, how many wait, the pools that are in use. */
export interface Queue {
  paused: boolean;
  waiting: number;
  pools: PoolRow[];
}

export interface LogLine {
  at: Millis;
  level: string;
  step_key: string | null;
  text: string;
  seq: number;
}

export interface ErrorFrame {
  where: string;
  line: number | null;
  code: string;
  own: boolean;
}

export interface ErrorShown {
  type: string;
  message: string;
  cell: number | null;
  line: number | null;
  frames: ErrorFrame[];
  text: string;
}

export interface Attempt {
  number: number;
  started_at: Millis;
  ended_at: Millis;
  status: StatusWord;
  error: string | null;
  /** How long is waited after it before the next. */
  delay_s: number | null;
}

/** What a check came to in a step. */
export interface StepCheck {
  name: string;
  /** The asset that it is about. */
  key: string;
  passed: boolean;
  severity: string;
  description: string;
}

export interface StepRow {
  step_key: string;
  key: string | null; // the asset that the step is named after
  status: StatusWord;
  attempts: Attempt[];
  started_at: Millis;
  ended_at: Millis;
  duration_s: number | null;
  usual_s: number | null;
  reason: string | null;
  /** When it is tried again, after an attempt that failed. */
  again_at: Millis;
  checks: StepCheck[];
}

export interface RunDetails extends Omit<RunRow, 'error'> {
  error: ErrorShown | null;
  steps: StepRow[];
  longest_path: string[];
  error_step: string | null;
  config: unknown;
  log: LogLine[];
  executor: string;
}
