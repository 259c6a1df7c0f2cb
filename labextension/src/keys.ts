/**
 * What keys do while the screen has the focus. Letters never reach the notebook: the root suppresses its
 * shortcuts. Knows the session and the views it moves; called once by the app.
 */
import { goToCell, materialize } from './actions';
import { neighbour } from './geometry';
import type { Arrow } from './geometry';
import type { Session } from './session';
import type { GraphView } from './view/graph';
import type { ListView } from './view/list';
import type { Toolbar } from './view/toolbar';

export interface Movable {
  graph: GraphView;
  list: ListView;
  toolbar: Toolbar;
  showsList: () => boolean;
}

const TYPING = 'input, textarea, select';
const OWN_ENTER = 'button, a, summary, .jk-rr, .jk-gr, .jk-ar, .jk-tk';

export function takeKeys(element: HTMLElement, session: Session, views: Movable): void {
  element.addEventListener('keydown', event => {
    const target = event.target as HTMLElement;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || target.closest(TYPING)) {
      return;
    }
    if (
      session.page.tab === 'graph' &&
      event.key.startsWith('Arrow') &&
      arrow(session, views, target, event.key as Arrow)
    ) {
      event.preventDefault();
      return;
    }
    const key = target.closest<HTMLElement>('[data-key]')?.dataset.key ?? session.selected;
    const act = keys(session, views, key)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act && !(event.key === 'Enter' && target.closest(OWN_ENTER))) {
      event.preventDefault();
      act();
    }
  });
}

type Keys = Record<string, () => void>;

function keys(session: Session, views: Movable, key: string | null): Keys {
  const always: Keys = {
    '1': () => session.open({ tab: 'graph' }),
    '2': () => session.open({ tab: 'runs' }),
    '3': () => session.open({ tab: 'automation' }),
    '/': () => {
      session.open({ tab: 'graph' });
      views.toolbar.focusSearch();
    },
    Escape: () => leave(session, views)
  };
  return session.page.tab === 'graph' ? { ...always, ...graphKeys(session, views, key) } : always;
}

function graphKeys(session: Session, { graph, list }: Movable, key: string | null): Keys {
  const known = key !== null && session.snapshot?.status[key] !== undefined && session.gone === null;
  return {
    f: () => graph.fit(),
    '+': () => graph.zoom(1.25),
    '=': () => graph.zoom(1.25),
    '-': () => graph.zoom(1 / 1.25),
    j: () => list.step(1),
    k: () => list.step(-1),
    Enter: () => enter(session, key),
    m: () => known && void materialize(session, [key], 'only'),
    c: () => known && void goToCell(session, key)
  };
}

function enter(session: Session, key: string | null): void {
  const node = session.graph?.nodes.find(one => one.key === key);
  if (node?.type === 'group') {
    session.toggleGroup(node.group || node.label);
  } else {
    session.select(key);
  }
}

function arrow(session: Session, { graph, list, showsList }: Movable, target: HTMLElement, name: Arrow): boolean {
  if (!session.graph?.nodes.length || target.closest('.jk-pane, .jk-bar, .jk-top')) {
    return false;
  }
  if (showsList()) {
    list.step(name === 'ArrowUp' || name === 'ArrowLeft' ? -1 : 1);
    return true;
  }
  const from = graph.indexOf(target.closest<HTMLElement>('[data-key]')?.dataset.key ?? session.selected);
  const to = from < 0 ? 0 : neighbour(session.graph, from, name);
  if (to !== null) {
    graph.focusNode(to);
  }
  return true;
}

/** Esc: the run, then what is open of a schedule or sensor, then the pane, then the search. */
function leave(session: Session, { graph, toolbar }: Movable): void {
  if (session.page.run) {
    session.open({ tab: 'runs' });
  } else if (session.page.automation) {
    session.open({ tab: 'automation' });
  } else if (session.selected) {
    const key = session.selected;
    session.select(null);
    graph.focusNode(graph.indexOf(key));
  } else {
    toolbar.reset();
  }
}
