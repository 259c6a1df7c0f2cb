/**
 * A backfill among the runs: one line that says how far it is, which opens on what can be done with it and its runs.
 * Knows its row; called by the list of runs.
 */
import { againBackfill, cancelBackfill } from '../actions';
import { backfillGlyph, backfillWord, isOpen, sharesOf, tallyWords } from '../backfills';
import type { BackfillRow } from '../protocol';
import type { Session } from '../session';
import { age, dayTime, duration, exactTime, plural } from '../words';
import { h } from './dom';
import type { Child } from './dom';
import { glyph, icon } from './glyphs';
import { button, iconButton } from './menu';

const DAY = 86_400_000;

/** The line; `toggle` opens and closes it. */
export function backfillLine(
  session: Session,
  row: BackfillRow,
  isShown: boolean,
  now: number,
  toggle: () => void
): HTMLElement {
  const begun = row.requested_at ?? now;
  const took = row.left ? '' : duration(Math.floor(((row.ended_at ?? now) - begun) / 1000)).replace('0 ms', '');
  const facts = aboutWords(row);
  const when = now - begun < DAY ? age(begun, now).replace(/^(?!now)(.+)/, '$1 ago') : dayTime(begun, now);
  const label = ['Backfill of', row.title, backfillWord(row), tallyWords(row), when].join(', ').replace('of,', 'of');
  return h(
    `div.jk-rr.jk-bf${isShown ? '.jk-on' : ''}`,
    {
      role: 'listitem',
      tabindex: 0,
      'data-backfill': row.backfill_id,
      'aria-label': label,
      onclick: toggle
    },
    glyph(backfillGlyph(row), 14, backfillWord(row)),
    h(
      'span.jk-row.jk-job',
      { title: `backfill of ${row.title}, ${plural(row.partitions, 'partition')}` },
      h(
        'button.jk-ib.sm.jk-bfopen',
        { type: 'button', 'aria-expanded': String(isShown), 'aria-label': `Runs of the backfill of ${row.title}` },
        icon(isShown ? 'down' : 'right', 14)
      ),
      h(`span.jk-cut${backfillGlyph(row) === 'failed' ? '.jk-b' : ''}`, null, row.title),
      h('span.jk-mut.jk-marks', null, 'backfill')
    ),
    h('code.jk-mut', { title: row.backfill_id }, row.backfill_id),
    h('span.jk-cut.jk-by', { title: facts.join(' · ') }, h('span', null, tallyWords(row)), noteOf(row)),
    backfillBar(row),
    h('span.jk-num.jk-when', { title: exactTime(row.requested_at) }, when),
    h('span.jk-num.jk-took', null, took),
    row.left ? h('span') : isOpen(row) ? stopIcon(session, row) : row.again ? againIcon(session, row) : h('span')
  );
}

const aboutWords = (row: BackfillRow): string[] => [tallyWords(row), ...(row.error ? [row.error] : [])];

function noteOf(row: BackfillRow): Child {
  if (row.left) {
    return h('span.jk-t-warn', null, ' · its kernel is gone');
  }
  return row.notebook ? h('span.jk-mut', null, ` · in ${row.notebook}`) : null;
}

/** Made low and soft, failed tall, given up a line, running striped, what is to come grey. */
export function backfillBar(row: BackfillRow): HTMLElement {
  return h(
    'span.jk-strip.jk-bfbar',
    { role: 'img', 'aria-label': tallyWords(row), title: tallyWords(row) },
    sharesOf(row).map(([name, part]) => h(`i.jk-x-${name}`, { style: `flex:${part} 1 0` }))
  );
}

const cancelLabel = (row: BackfillRow): string => (row.status === 'CANCELING' ? 'Cancel again' : 'Cancel');
const cancelTitle = (row: BackfillRow): string => `${cancelLabel(row)}: ${row.cancel ?? ''}`.replace(/: $/, '');
const againLabel = (row: BackfillRow): string => (row.left ? 'Go on' : row.failed ? 'Retry failed' : 'Run the rest');

const inside = (act: () => void) => (event: Event) => {
  event.stopPropagation();
  act();
};
const stopIcon = (session: Session, row: BackfillRow): HTMLElement =>
  iconButton(
    'stop',
    cancelTitle(row),
    inside(() => void cancelBackfill(session, row)),
    'sm.jk-rowstop'
  );
const againIcon = (session: Session, row: BackfillRow): HTMLElement => {
  const title = `${againLabel(row)}: ${row.again ?? ''}`;
  const press = inside(() => void againBackfill(session, row));
  return h('button.jk-ib.sm', { type: 'button', title, 'aria-label': title, onclick: press }, glyph('retry', 14));
};

/** Below its line: what went wrong, what can be done and what that does. */
export function backfillActs(session: Session, row: BackfillRow): HTMLElement {
  const does = row.again ?? row.cancel ?? '';
  return h(
    'div.jk-bfacts.jk-row',
    { role: 'listitem' },
    h(
      'div.jk-grow.jk-bfsaid',
      null,
      row.error ? h('div.jk-t-fail.jk-wrap', null, row.error) : null,
      does ? h('div.jk-mut.jk-wrap', null, `${row.again ? againLabel(row) : cancelLabel(row)}: ${does}`) : null,
      !does && !row.error ? h('div.jk-mut', null, `all ${plural(row.partitions, 'partition')} made`) : null
    ),
    row.again ? button(againLabel(row), () => void againBackfill(session, row), { title: row.again }) : null,
    row.cancel
      ? button(cancelLabel(row), () => void cancelBackfill(session, row), { icon: 'stop', title: cancelTitle(row) })
      : null
  );
}
