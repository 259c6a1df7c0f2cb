/**
 * The output of `%jk` and `%graph`: the live screen while the notebook's kernel answers, and otherwise the still
 * picture that the notebook holds, in the theme's colours. Its saved form is kept new by `Keeper`.
 */
import { Widget } from '@lumino/widgets';
import { mount } from '../app';
import { isGraph } from '../guards';
import type { Host, PackedGraph, Snapshot } from '../protocol';
import { h, put } from '../view/dom';
import { glyph } from '../view/glyphs';
import { dayTime, exactTime } from '../words';
import { Keeper } from './keeper';
import { inLab } from './in_lab';
import type { Watched } from './notebooks';
import { themed } from './picture';

export const GRAPH_MIME = 'application/vnd.jobkernel.graph+json';
const BEFORE_WIDGETS = -100;

/** What Jupyter hands a renderer: one output's data, which can be replaced. */
export interface Output {
  readonly data: Readonly<Record<string, unknown>>;
  setData(options: { data?: Readonly<Record<string, unknown>> }): void;
}
interface Note {
  live: boolean;
  at: number | null;
  nodes: number;
  /** What it shows: all where both are null. */
  part: { job: string | null; selection: string | null };
}

const isPart = (part: Note['part']): boolean => part.job !== null || part.selection !== null;
const keyOf = ({ part }: Note): string => JSON.stringify(part);

/** Draw graphs in this notebook's outputs. */
export function drawOutputs(one: Watched, openTab: () => void): void {
  one.panel.content.rendermime.addFactory(
    {
      safe: true,
      mimeTypes: [GRAPH_MIME],
      createRenderer: () => new GraphOutput(one, openTab)
    },
    BEFORE_WIDGETS
  );
}

class GraphOutput extends Widget {
  private output: Output | null = null;
  private unmount: (() => void) | null = null;
  /** What the live view shows, while there is one. */
  private live: string | null = null;
  private turn = 0;
  private readonly keeper: Keeper;
  private readonly stop: () => void;
  private readonly theme: MutationObserver;

  constructor(
    private readonly one: Watched,
    private readonly openTab: () => void
  ) {
    super();
    this.addClass('jk-output');
    this.keeper = new Keeper(one, () => this.note.part);
    this.stop = one.onPush(() => this.update());
    this.theme = new MutationObserver(() => setTimeout(() => this.update(), 100));
    this.theme.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-name'] });
  }

  /** Called again whenever the output's data changed. */
  renderModel(output: Output): Promise<void> {
    this.output = output;
    this.update();
    return Promise.resolve();
  }

  protected onAfterAttach(): void {
    this.update();
  }

  protected onUpdateRequest(): void {
    if (!this.output || !this.isAttached) {
      return;
    }
    if (this.live !== null && this.live !== keyOf(this.note)) {
      this.endLive(); // the output was replaced by one that shows something else
    }
    if (this.live !== null) {
      this.keeper.keep(this.output);
    } else if (this.note.live && this.one.snapshot) {
      void this.tryLive(++this.turn);
    } else {
      put(this.node, ...this.still());
    }
  }

  /** A kernel that has not run the notebook's cells yet does not take the picture away. */
  private async tryLive(turn: number): Promise<void> {
    const { note } = this;
    const graph = await this.graphOf(note).catch(() => null);
    const { snapshot } = this.one;
    if (turn !== this.turn || this.live !== null || !this.isAttached) {
      return;
    }
    if (graph && snapshot && (graph.nodes.count > 0 || note.nodes === 0)) {
      this.goLive({ ...snapshot, graph });
    } else {
      put(this.node, ...this.still());
    }
  }

  /** What it shows now: the snapshot has the whole, a part is asked for. */
  private async graphOf({ part }: Note): Promise<PackedGraph | null> {
    const found = isPart(part) ? await this.one.request('layout', { ...part }) : this.one.snapshot?.graph;
    return isGraph(found) ? found : null;
  }

  private get note(): Note {
    const { live, at, nodes, job, selection } = (this.output?.data[GRAPH_MIME] ?? {}) as Record<string, unknown>;
    return {
      live: live === true,
      at: typeof at === 'number' ? at : null,
      nodes: typeof nodes === 'number' ? nodes : 0,
      part: { job: typeof job === 'string' ? job : null, selection: typeof selection === 'string' ? selection : null }
    };
  }

  private goLive(initial: Snapshot): void {
    this.node.replaceChildren();
    this.unmount = mount(this.node, this.host(initial));
    this.live = keyOf(this.note);
    this.update();
  }

  private endLive(): void {
    this.unmount?.();
    this.unmount = this.live = null;
  }

  private host(initial: Snapshot): Host {
    const { one } = this;
    return {
      initial,
      ...inLab(one),
      request: (op, fields) => one.request(op, fields),
      onPush: listener => one.onPush(listener),
      goto: (key, cellId) => void one.goto(key, cellId),
      openTab: this.openTab
    };
  }

  private still(): HTMLElement[] {
    const svg = this.output?.data['image/svg+xml'];
    const text = String(this.output?.data['text/plain'] ?? '');
    const { live, at, nodes } = this.note;
    if (typeof svg !== 'string' || !nodes) {
      return [h('pre.jk-still-text', null, text)];
    }
    const why = this.one.kernelId ? 'The cells have not run in this kernel' : 'No kernel';
    const when = at === null ? '' : ` ${dayTime(at, Date.now())}`;
    const source = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(themed(svg, this.node))}`;
    const picture = h('img.jk-still-picture', { src: source, alt: text.slice(0, 2000) });
    return live
      ? [
          h(
            'div.jk-root.jk-still',
            null,
            h(
              'div.jk-banner',
              { title: exactTime(at) },
              glyph('canceled'),
              h('span.jk-grow', null, `${why}: this is how it looked${when}.`)
            ),
            picture
          )
        ]
      : [picture];
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.stop();
    this.theme.disconnect();
    this.keeper.dispose();
    this.endLive();
    super.dispose();
  }
}
