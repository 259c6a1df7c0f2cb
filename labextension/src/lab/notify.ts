/**
 * JupyterLab notifications of runs that ended in the background, once for each run however many screens are open.
 * What is worth one is decided in src/notices.ts; the wishes are JupyterLab settings.
 */
import { Notification } from '@jupyterlab/apputils';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { endOf, Ends, noticeOf, noticeOfBackfill } from '../notices';
import type { Wanted, Wishes } from '../notices';
import type { AgainQuery, BackfillRow, RunRow, Shown } from '../protocol';
import { sentence } from '../session';
import type { Watched } from './notebooks';

const SETTINGS = 'jobkernel:plugin';
const SUCCESS_STAYS = 10_000;
const AGAIN_STAYS = 5_000;
const wishes: Wishes = { wanted: 'all', longer: 30 };
const told = new Set<string>();

/** Follow the settings, as far as there are any. */
export async function followSettings(registry: ISettingRegistry | null): Promise<void> {
  const settings = await registry?.load(SETTINGS);
  const read = () => {
    wishes.wanted = (settings?.get('notifications').composite as Wanted | undefined) ?? 'all';
    wishes.longer = Number(settings?.get('longRunSeconds').composite ?? 30);
  };
  settings?.changed.connect(read);
  read();
}

/** Tell of the ends of this notebook's runs; `show` opens one. */
export function notify(one: Watched, show: (shown: Shown) => void): void {
  const ends = new Ends();
  one.onPush(push => {
    const { runs, backfills } = ends.take(push);
    runs.forEach(run => tell(one, run, show));
    backfills.forEach(row => tellBackfill(row, show));
  });
}

function tellBackfill(row: BackfillRow, show: (shown: Shown) => void): void {
  const notice = noticeOfBackfill(row, wishes);
  if (!notice || told.has(endOf(row))) {
    return;
  }
  told.add(endOf(row));
  const caption = `Show the runs of backfill ${row.backfill_id}`;
  const actions = [{ label: 'Show', caption, callback: () => show({ backfill: row.backfill_id }) }];
  Notification.emit(notice.text, notice.tone, { actions, autoClose: notice.tone === 'error' ? false : SUCCESS_STAYS });
}

function tell(one: Watched, run: RunRow, show: (shown: Shown) => void): void {
  const notice = noticeOf(run, wishes);
  if (!notice || told.has(run.run_id) || (run.cell_id !== null && one.showsCell(run.cell_id))) {
    return;
  }
  told.add(run.run_id);
  const actions: Notification.IAction[] = [
    { label: 'Show', caption: `Show run ${run.run_id}`, callback: () => show({ run: run.run_id }) }
  ];
  if (run.status === 'FAILURE') {
    const caption = `Run again what of run ${run.run_id} did not succeed`;
    actions.push({ label: 'Re-run from failure', caption, callback: () => void runAgain(one, run, show) });
  }
  Notification.emit(notice.text, notice.tone, { actions, autoClose: notice.tone === 'error' ? false : SUCCESS_STAYS });
}

async function runAgain(one: Watched, run: RunRow, show: (shown: Shown) => void): Promise<void> {
  const query: AgainQuery = { run_id: run.run_id, from_failure: true, steps: [] };
  try {
    const { run_id } = (await one.request('reexecute', { ...query })) as { run_id: string };
    const actions = [{ label: 'Show', caption: `Show run ${run_id}`, callback: () => show({ run: run_id }) }];
    Notification.emit(`${run.title} runs again from its failure`, 'default', { actions, autoClose: AGAIN_STAYS });
  } catch (error) {
    Notification.error(`${run.title} could not be run again\n${sentence(error)}`, { autoClose: false });
  }
}
