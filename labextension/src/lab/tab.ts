/** The screen as a tab of the main area, connected to one notebook's kernel. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { LabIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import { mount } from '../app';
import type { Host, Push, Shown } from '../protocol';
import { inLab } from './in_lab';
import type { Watched } from './notebooks';

export const jobsIcon = new LabIcon({
  name: 'jobkernel:jobs',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16" fill="none"><path class="jp-icon3" stroke="#616161" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" d="M6 2.5h4v3H6zM2 10.5h4v3H2zM10 10.5h4v3h-4zM8 5.5V8M4 10.5V8h8v2.5"/></svg>'
});

class Screen extends Widget {
  private unmount: (() => void) | null = null;
  private showing: ((shown: Shown) => void) | null = null;
  private waiting: Shown | null = null;

  constructor(
    private readonly one: Watched,
    private readonly reveal: () => void
  ) {
    super();
    this.addClass('jk-tab-host');
  }

  protected onAfterAttach(): void {
    this.unmount ??= mount(this.node, this.host());
  }

  /** Point the screen at a node or a run. */
  point(shown: Shown): void {
    this.showing ? this.showing(shown) : (this.waiting = shown);
  }

  private host(): Host {
    const { one } = this;
    return {
      initial: one.snapshot,
      fills: true,
      ...inLab(one),
      request: (op, fields) => one.request(op, fields),
      onPush: (listener: (push: Push) => void) => one.onPush(listener),
      onShow: listener => {
        this.showing = listener;
        if (this.waiting) {
          queueMicrotask(() => listener(this.waiting as Shown));
        }
      },
      goto: (key, cellId) => {
        this.reveal();
        one.goto(key, cellId);
      }
    };
  }

  dispose(): void {
    this.unmount?.();
    super.dispose();
  }
}

const open = new Map<Watched, MainAreaWidget<Screen>>();

/** Show the notebook's tab, made on first use, beside its notebook. */
export function openTab(app: JupyterFrontEnd, one: Watched, shown: Shown | null = null): void {
  const tab = open.get(one) ?? makeTab(app, one);
  if (!tab.isAttached) {
    app.shell.add(tab, 'main', { ref: one.panel.id, mode: 'tab-after' });
  }
  app.shell.activateById(tab.id);
  if (shown) {
    tab.content.point(shown);
  }
}

function makeTab(app: JupyterFrontEnd, one: Watched): MainAreaWidget<Screen> {
  const content = new Screen(one, () => app.shell.activateById(one.panel.id));
  const tab = new MainAreaWidget({ content });
  tab.toolbar.hide();
  tab.id = `jobkernel-${one.panel.id}`;
  tab.title.label = 'Jobs';
  tab.title.caption = `Jobs of ${one.panel.context.path}`;
  tab.title.icon = jobsIcon;
  tab.title.closable = true;
  open.set(one, tab);
  tab.disposed.connect(() => open.delete(one));
  one.panel.disposed.connect(() => tab.dispose());
  return tab;
}
