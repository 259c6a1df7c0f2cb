/**
 * The one button that runs a run again, with its choices: what is left, all, the chosen steps, from them on. Each
 * choice says what it would run. Called by the run's view and the pane.
 */
import { reexecute } from '../actions';
import type { AgainQuery, RunStatus } from '../protocol';
import type { Session } from '../session';
import { plural } from '../words';
import { splitButton } from './menu';
import type { MenuItem } from './menu';

export interface AgainOf {
  run_id: string;
  status: RunStatus;
  /** Steps that are done, which going on from the failure keeps; null where that is not known. */
  done: number | null;
}

const GOES_ON: readonly RunStatus[] = ['FAILURE', 'CANCELED'];

/** The button for a run that has ended; `chosen` are the steps that are selected, if any. */
export function againButton(session: Session, run: AgainOf, chosen: () => string[], look = 'sm.pri'): HTMLElement {
  const goesOn = GOES_ON.includes(run.status);
  const query: AgainQuery = { run_id: run.run_id, from_failure: goesOn, steps: [] };
  return splitButton(
    goesOn ? 'Re-run from failure' : 'Re-run',
    () => void reexecute(session, query),
    () => againItems(session, run, chosen()),
    { look, icon: 'play' }
  );
}

/** The choices: from failure only where the run failed or was canceled, steps only where some are chosen. */
export function againItems(session: Session, run: AgainOf, chosen: string[]): MenuItem[] {
  const item = (label: string, part: Partial<AgainQuery>, more: Partial<MenuItem> = {}): MenuItem => {
    const query: AgainQuery = { run_id: run.run_id, from_failure: false, steps: [], ...part };
    const note = session.ask('replan', query).then(plan => plan.text);
    return { label, note, run: () => void reexecute(session, query), ...more };
  };
  const kept = run.done
    ? `Keeps the ${plural(run.done, 'step')} that ${run.done === 1 ? 'is' : 'are'} done`
    : undefined;
  return [
    ...(GOES_ON.includes(run.status) ? [item('From failure', { from_failure: true }, { small: kept })] : []),
    item('All steps', {}),
    ...(chosen.length ? ofSteps(item, chosen) : [])
  ];
}

function ofSteps(
  item: (label: string, part: Partial<AgainQuery>, more?: Partial<MenuItem>) => MenuItem,
  chosen: string[]
): MenuItem[] {
  const which = chosen.length === 1 ? chosen[0] : `these ${chosen.length} steps`;
  return [
    item(`From ${which}`, { steps: chosen.map(step => `${step}*`) }, { before: 'line' }),
    item(`Only ${which}`, { steps: chosen })
  ];
}
