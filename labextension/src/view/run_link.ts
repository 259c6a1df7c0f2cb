/** A run by the beginning of its id; a press opens it. */
import type { Session } from '../session';
import { shortId } from '../words';
import { h } from './dom';

export const runLink = (session: Session, runId: string): HTMLElement =>
  h(
    'button.jk-link',
    {
      type: 'button',
      title: runId,
      onclick: (event: Event) => {
        event.stopPropagation();
        session.open({ tab: 'runs', run: runId });
      }
    },
    h('code', null, shortId(runId))
  );
