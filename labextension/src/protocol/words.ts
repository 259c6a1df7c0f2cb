/** The words of the protocol that its types share. */
export type StatusWord = 'fresh' | 'failed' | 'running' | 'stale' | 'never' | 'queued' | 'canceled' | 'skipped';
export type Cause = 'code' | 'helper' | 'upstream' | 'config' | 'packages';
export type RunStatus =
  'QUEUED' | 'NOT_STARTED' | 'STARTING' | 'STARTED' | 'SUCCESS' | 'FAILURE' | 'CANCELING' | 'CANCELED';
export type Direction = 'LR' | 'TD';
export type Scope = 'only' | 'downstream' | 'upstream' | 'stale' | 'missing' | 'all';
export type Millis = number | null;
