/**
 * Which notebook talks to which kernel, and what jobkernel says there. One `Watched` per notebook panel, following
 * its kernel through changes and restarts. The bridge, the tab, the strips (and a side panel) build on it.
 */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { definitionOf, isAutomation, speaksOfJobkernel } from '../cells';
import type { Push, Request, Snapshot } from '../protocol';
import { Refusal } from '../guards';
import { Link } from './link';

const sources = (panel: NotebookPanel): string[] =>
  [...(panel.content.model?.cells ?? [])].map(cell => cell.sharedModel.getSource());

export class Watched {
  private link: Link | null = null;
  private readonly listeners = new Set<(push: Push) => void>();

  constructor(readonly panel: NotebookPanel) {
    panel.sessionContext.kernelChanged.connect(this.connect, this);
    void panel.context.ready.then(() => this.connect());
    panel.disposed.connect(() => this.link?.dispose());
  }

  private connect(): void {
    const kernel = this.panel.sessionContext.session?.kernel ?? null;
    if (kernel === (this.link?.kernel ?? null)) {
      return;
    }
    this.link?.dispose();
    this.link = kernel && new Link(kernel, sources(this.panel).some(speaksOfJobkernel));
    this.link?.onPush(push => this.listeners.forEach(listener => listener(push)));
  }

  get snapshot(): Snapshot | null {
    return this.link?.snapshot ?? null;
  }

  get kernelId(): string | null {
    return this.link?.kernel.id ?? null;
  }

  /** Called with every push, a snapshot that was asked for included. */
  onPush(listener: (push: Push) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  request(op: string, fields: Record<string, unknown>): Promise<unknown> {
    return this.link ? this.link.request(op, fields) : Promise.reject(new Refusal('This notebook has no kernel.'));
  }

  send(request: Request): Promise<unknown> {
    return this.link ? this.link.send(request) : Promise.reject(new Refusal('This notebook has no kernel.'));
  }

  /** Whether a person who looks at this page sees the cell with this id. */
  showsCell(cellId: string): boolean {
    const notebook = this.panel.content;
    const cell = notebook.widgets.find(each => each.model.id === cellId);
    return (
      document.visibilityState === 'visible' &&
      this.panel.isVisible &&
      cell !== undefined &&
      overlaps(cell.node.getBoundingClientRect(), notebook.node.getBoundingClientRect())
    );
  }

  /** Select the cell with this id, or the one that defines the key, and bring it into view. */
  goto(key: string, cellId: string | null): boolean {
    const notebook = this.panel.content;
    const byId = notebook.widgets.findIndex(cell => cell.model.id === cellId);
    const at =
      byId >= 0
        ? byId
        : notebook.widgets.findIndex(cell => {
            const found = definitionOf(cell.model.sharedModel.getSource());
            return found?.key === key && !isAutomation(found);
          });
    if (at < 0) {
      return false;
    }
    notebook.activeCellIndex = at;
    notebook.deselectAll();
    void notebook.scrollToItem(at, 'smart').then(() => notebook.activeCell?.node.focus({ preventScroll: true }));
    return true;
  }
}

function overlaps(a: DOMRect, b: DOMRect): boolean {
  return a.height > 0 && b.height > 0 && a.bottom > b.top && a.top < b.bottom;
}

export class Notebooks {
  private readonly watched = new Map<NotebookPanel, Watched>();
  private readonly joined = new Set<(one: Watched) => void>();

  constructor(private readonly tracker: INotebookTracker) {
    tracker.forEach(panel => this.watch(panel));
    tracker.widgetAdded.connect((_, panel) => this.watch(panel));
  }

  private watch(panel: NotebookPanel): void {
    const one = new Watched(panel);
    this.watched.set(panel, one);
    panel.disposed.connect(() => this.watched.delete(panel));
    this.joined.forEach(listener => listener(one));
  }

  /** Called for every notebook, those already open too. */
  each(listener: (one: Watched) => void): void {
    this.watched.forEach(listener);
    this.joined.add(listener);
  }

  get current(): Watched | null {
    const panel = this.tracker.currentWidget;
    return (panel && this.watched.get(panel)) ?? null;
  }

  /** By kernel, else by the notebook that holds the element. */
  find(kernelId: string | null | undefined, element: Node | null): Watched | null {
    const all = [...this.watched.values()];
    const holding = all.find(one => element !== null && one.panel.node.contains(element));
    const same = all.find(one => kernelId && one.kernelId === kernelId);
    return same ?? (holding?.snapshot ? holding : null);
  }
}
