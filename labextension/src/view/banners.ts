/** The strips below the tabs: the kernel is gone, a cell keeps it busy, what an action was answered. */
import type { Session } from '../session';
import { clockTime } from '../words';
import { h } from './dom';
import { glyph } from './glyphs';
import { button, iconButton } from './menu';

export function banners(session: Session): (HTMLElement | null)[] {
  const { gone, busy } = session;
  return [gone ? goneLine(gone.reason, gone.at) : busy ? busyLine() : null, noticeLine(session)];
}

const goneLine = (reason: string, at: number): HTMLElement =>
  h(
    'div.jk-banner',
    { role: 'alert' },
    glyph('canceled'),
    h('span.jk-grow.jk-wrap', null, h('b', null, reason), ` at ${clockTime(at)}. This is what was last seen.`)
  );

const busyLine = (): HTMLElement =>
  h(
    'div.jk-banner',
    null,
    glyph('queued'),
    h('span.jk-grow', null, 'A cell is running. What you asked for waits for it.')
  );

function noticeLine(session: Session): HTMLElement | null {
  const { notice } = session;
  return (
    notice &&
    h(
      'div.jk-banner',
      { role: 'alert' },
      notice.tone === 'fail' ? glyph('warning') : glyph('queued'),
      h('span.jk-grow.jk-wrap', null, notice.text),
      notice.action ? button(notice.action.label, notice.action.run, { icon: 'play' }) : null,
      iconButton('x', 'Dismiss', () => session.setNotice(null), 'sm')
    )
  );
}
