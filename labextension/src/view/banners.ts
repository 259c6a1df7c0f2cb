/** The strips below the tabs: the kernel is gone, a cell keeps it busy, what an action was answered. */
import { restore, unrunNotice } from '../automation_actions';
import type { Session } from '../session';
import { clockTime } from '../words';
import { h } from './dom';
import { glyph } from './glyphs';
import { button, iconButton } from './menu';

export function banners(session: Session): (HTMLElement | null)[] {
  const { gone, busy } = session;
  return [
    gone ? goneLine(session, gone.reason, gone.at) : busy ? busyLine() : null,
    gone ? null : unrunLine(session),
    noticeLine(session)
  ];
}

const goneLine = (session: Session, reason: string, at: number): HTMLElement =>
  h(
    'div.jk-banner',
    { role: 'alert' },
    glyph('canceled'),
    h('span.jk-grow.jk-wrap', null, h('b', null, reason), ` at ${clockTime(at)}. This is what was last seen.`),
    session.host.restore && /restarted/.test(reason)
      ? button('Restore', () => restore(session), { title: 'Loads jobkernel and runs %jk restore in a cell' })
      : null
  );

/** What a restarted kernel lacks, and the way to have it again. */
function unrunLine(session: Session): HTMLElement | null {
  const text = unrunNotice(session);
  const aside = () => {
    session.putAside = text;
    session.tell('notice');
  };
  return text
    ? h(
        'div.jk-banner.jk-unrun',
        { role: 'status' },
        glyph('never'),
        h('span.jk-grow.jk-wrap', null, text),
        button('Restore', () => restore(session), {
          icon: 'play',
          look: 'sm.pri',
          title: 'Runs %jk restore in a cell: the cells that make them, and those that these need, in order'
        }),
        iconButton('x', 'Put aside', aside, 'sm')
      )
    : null;
}

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
      notice.action
        ? button(notice.action.label, notice.action.run, notice.action.quiet ? {} : { icon: 'play' })
        : null,
      iconButton('x', 'Dismiss', () => session.setNotice(null), 'sm')
    )
  );
}
