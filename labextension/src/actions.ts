/**
 * What a person can make happen: materialise, launch, cancel, run again. Each tells the session what to say when
 * the kernel refuses. Knows no element; called by buttons, menus and keys.
 */
import { plural } from './words';
import { sentence } from './session';
import type { Session } from './session';
import type { AgainQuery, BackfillRow, RunRow, RunStatus, Scope } from './protocol';
import { isActive } from './protocol';

/** Start a run; when upstream was never made, offer to make it too. */
export async function materialize(session: Session, keys: string[], scope: Scope, withMissing = false): Promise<void> {
  session.setNotice(null);
  try {
    await session.ask('materialize', { keys, scope, include_missing: withMissing });
  } catch (error) {
    await offerMissing(session, keys, scope, sentence(error), withMissing);
  }
}

async function offerMissing(session: Session, keys: string[], scope: Scope, refusal: string, tried: boolean) {
  const missing = tried ? [] : await missingUpstream(session, keys, scope);
  const label = `Materialize with ${plural(missing.length, 'missing upstream', 'missing upstream')}`;
  const action = missing.length ? { label, run: () => void materialize(session, keys, scope, true) } : null;
  session.setNotice({ text: refusal, tone: 'fail', action });
}

async function missingUpstream(session: Session, keys: string[], scope: Scope): Promise<string[]> {
  try {
    return (await session.ask('plan', { keys, scope })).missing_upstream;
  } catch {
    return []; // the refusal itself is what the person reads
  }
}

export const launch = (session: Session, job: string): Promise<void> =>
  attempt(session, () => session.ask('launch', { job }));

/** Cancel once to ask, again to force; says what the kernel will do. */
export async function cancel(session: Session, runId: string, status?: RunStatus): Promise<void> {
  const force = (rowOf(session, runId)?.status ?? status) === 'CANCELING';
  await attempt(session, async () => {
    const { text } = await session.ask('cancel', { run_id: runId, force });
    session.setNotice(text ? { text: `Canceling: ${text}.`, tone: 'plain', action: null, run: runId } : null);
  });
}

/** Cancel a backfill: once nothing more of it starts and what runs is asked to stop, again that is interrupted. */
export const cancelBackfill = (session: Session, row: BackfillRow): Promise<void> =>
  attempt(session, async () => {
    const force = row.status === 'CANCELING';
    const { text } = await session.ask('cancel_backfill', { backfill_id: row.backfill_id, force });
    session.setNotice({ text: `Canceling: ${text}.`, tone: 'plain', action: null, backfill: row.backfill_id });
  });

/** Run in this kernel what a backfill did not make, or go on with one whose kernel is gone. */
export const againBackfill = (session: Session, row: BackfillRow): Promise<void> =>
  attempt(session, async () => {
    const op = row.left ? 'resume_backfill' : 'retry_backfill';
    const { text } = await session.ask(op, { backfill_id: row.backfill_id });
    session.setNotice({ text: `Making ${text}.`, tone: 'plain', action: null });
  });

/** Run again and open the new run. */
export const reexecute = (session: Session, query: AgainQuery): Promise<void> =>
  attempt(session, async () => {
    const { run_id } = await session.ask('reexecute', query);
    session.open({ tab: 'runs', run: run_id });
  });

/** Do something that the kernel may refuse; say its refusal. */
export async function attempt(session: Session, act: () => Promise<unknown>): Promise<void> {
  session.setNotice(null);
  try {
    await act();
  } catch (error) {
    session.setNotice({ text: sentence(error), tone: 'fail', action: null });
  }
}

/** Runs that can still be cancelled, newest first. */
export const activeRuns = (session: Session): RunRow[] => (session.snapshot?.runs ?? []).filter(isActive);

const rowOf = (session: Session, runId: string): RunRow | undefined =>
  session.snapshot?.runs.find(run => run.run_id === runId);

type Cancelable = Pick<RunRow, 'run_id' | 'status' | 'cancel'>;

/** What the button says, and what pressing it will do. */
export function cancelFace(session: Session, run: Cancelable): { label: string; title: string } {
  const { status, cancel: does } = rowOf(session, run.run_id) ?? run;
  const label = status === 'CANCELING' ? 'Cancel again' : 'Cancel';
  return { label, title: does ? `${label}: ${does}` : label };
}

/** Go to the cell that defines the asset; asks for the cell when it is not known. */
export async function goToCell(session: Session, key: string, cellId?: string | null): Promise<void> {
  if (!session.host.goto) {
    return;
  }
  if (cellId !== undefined) {
    session.host.goto(key, cellId);
    return;
  }
  await attempt(session, async () => session.host.goto?.(key, (await session.ask('details', { key })).code.cell_id));
}
