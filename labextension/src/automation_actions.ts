/**
 * What a person can make schedules and sensors do: switch, preview and launch, cursors and run keys, restore. Each
 * says at once what it did, or why not. Knows no element.
 */
import { inWords, unrunWords } from './automation';
import type { AutomationRow } from './protocol';
import { sentence } from './session';
import type { Session } from './session';
import { plural } from './words';

/** Turn it the other way; the notice offers the way back. */
export const flip = (session: Session, row: AutomationRow): Promise<void> => switchTo(session, row, !row.on);

async function switchTo(session: Session, row: AutomationRow, on: boolean): Promise<void> {
  await attempt(session, async () => {
    const { next } = await session.ask('switch', { name: row.name, on });
    session.setNotice({
      text: on ? `${row.name} is on.${soonest(next)}` : `${row.name} is off: it starts nothing until it is on again.`,
      tone: 'plain',
      action: { label: 'Undo', quiet: true, run: () => void switchTo(session, { ...row, on }, !on) }
    });
  });
}

const soonest = ([at]: number[]): string => (at === undefined ? '' : ` It looks next ${inWords(at, Date.now())}.`);

export const setCursor = (session: Session, name: string, cursor: string | null): Promise<void> =>
  attempt(session, async () => {
    await session.ask('set_cursor', { name, cursor });
    const text = cursor === null ? `The cursor of ${name} is cleared.` : `The next look of ${name} finds that cursor.`;
    session.setNotice({ text, tone: 'plain', action: null });
  });

export const resetKeys = (session: Session, name: string, keys: string[] | null): Promise<void> =>
  attempt(session, async () => {
    const { text } = await session.ask('reset_keys', { name, keys });
    session.setNotice({ text, tone: 'plain', action: null });
  });

/** Launch what a preview gave, and open the run where it is one. */
export const launchPreview = (session: Session, token: string): Promise<void> =>
  attempt(session, async () => {
    const { run_ids } = await session.ask('launch_preview', { token });
    if (run_ids.length === 1) {
      session.open({ tab: 'runs', run: run_ids[0] });
    } else {
      session.setNotice({ text: `Launched ${plural(run_ids.length, 'run')}.`, tone: 'plain', action: null });
    }
  });

/** Have `%jk restore` run as a cell of the notebook; where nobody can do that, say what to run. */
export function restore(session: Session): void {
  const loaded = session.gone === null;
  if (!session.host.restore?.(loaded)) {
    session.setNotice({ text: 'Run %jk restore in a cell.', tone: 'plain', action: null });
  }
}

/** What to say of definitions that have not run; nothing where that was put aside. */
export function unrunNotice(session: Session): string {
  const names = session.snapshot?.automation.unrun ?? [];
  const text = names.length ? unrunWords(names) : '';
  return text === session.putAside ? '' : text;
}

async function attempt(session: Session, act: () => Promise<unknown>): Promise<void> {
  session.setNotice(null);
  try {
    await act();
  } catch (error) {
    session.setNotice({ text: sentence(error), tone: 'fail', action: null });
  }
}
