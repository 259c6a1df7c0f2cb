/** What a view shows while it waits or when it fails. */
import { h } from './dom';
import { button, iconButton } from './menu';

export const skeleton = (): HTMLElement =>
  h(
    'div.jk-skel',
    { 'aria-label': 'Loading' },
    [60, 90, 75, 40].map(width => h('i', { style: `width:${width}%` }))
  );

export const trouble = (text: string, again: () => void): HTMLElement =>
  h('div.jk-state', { role: 'alert' }, h('span.jk-wrap', null, text), button('Try again', again));

/** Why there is nothing to see. */
export const nothing = (why: string): HTMLElement => h('div.jk-state', null, h('span.jk-wrap', null, why));

export function emptyProject(): HTMLElement {
  const line = '%%asset raw_flights';
  const copy = iconButton('copy', 'Copy', () => void navigator.clipboard?.writeText(`${line}\n`), 'sm');
  return h(
    'div.jk-state',
    null,
    h('span.jk-h', null, 'No assets yet'),
    h('span', null, 'Start a cell with this line and run it. It appears here.'),
    h('span.jk-row', null, h('code.jk-tok', null, line), copy)
  );
}

/** Of a notebook that has jobs alone. */
export const noAssets = (): HTMLElement =>
  h(
    'div.jk-state',
    null,
    h('span.jk-h', null, 'No assets yet'),
    h('span', null, 'Choose a job above to see its steps; a cell that begins with %%asset appears here.')
  );

export function noAutomation(): HTMLElement {
  const line = '%schedule nightly --job my_job --cron "0 2 * * *" --on';
  const copy = iconButton('copy', 'Copy', () => void navigator.clipboard?.writeText(`${line}\n`), 'sm');
  return h(
    'div.jk-state',
    null,
    h('span.jk-h', null, 'Nothing automated yet'),
    h(
      'span',
      null,
      'Run this line in a cell, with a job of yours; a cell that begins with %%sensor looks for reasons.'
    ),
    h('span.jk-row', null, h('code.jk-tok.jk-cut', null, line), copy)
  );
}
