/**
 * One open screen in one element: `mount(element, host)` draws it and returns how to take it away. Puts header,
 * pages and pane together, carries keys, focus, size and time to them. Called by the widget and the tab.
 */
import { goToCell } from './actions';
import { unrunNotice } from './automation_actions';
import { announcement, picked } from './changes';
import { directionFor } from './geometry';
import { takeKeys } from './keys';
import { Pages } from './pages';
import type { Graph, Host } from './protocol';
import { sentence, Session } from './session';
import { banners } from './view/banners';
import { DetailsPane } from './view/details';
import { h, put, recall, remember, say } from './view/dom';
import { guardKeys } from './view/guard';
import { GraphView } from './view/graph';
import { Header } from './view/header';
import { ListView } from './view/list';
import { closeMenu } from './view/menu';
import { watchPresses } from './view/press';
import { emptyProject, noAssets, nothing, skeleton, trouble } from './view/states';
import { Toolbar } from './view/toolbar';
import type { Way } from './view/toolbar';

const NARROW = 560;
/** The height at which what is open beside or below a list can be read. */
const OPEN_HEIGHT = 520;
const MANY_NODES = 1000;
const TICK = 1000;
const SPEAK_EVERY = 1000;
const LOADING_AFTER = 300;
const WAYS: Way[] = ['auto', 'LR', 'TD', 'list'];

/** Draw a screen in `element`; returns its cleanup. */
export function mount(element: HTMLElement, host: Host): () => void {
  const app = new App(host);
  element.append(app.element);
  app.start();
  return () => app.dispose();
}

class App {
  readonly element: HTMLElement;
  private readonly session: Session;
  private readonly header: Header;
  private readonly toolbar: Toolbar;
  private readonly graph: GraphView;
  private readonly list: ListView;
  private readonly pane: DetailsPane;
  private readonly strip = h('div.jk-strips');
  private readonly body = h('div.jk-body');
  private readonly stage = h('div.jk-stage');
  private readonly speaker = h('div.jk-said', { role: 'status', 'aria-live': 'polite' });
  private readonly pages: Pages;
  private unrun = '';
  private way: Way;
  private width = 0;
  private spokenAt = 0;
  private timers: ReturnType<typeof setInterval>[] = [];
  private cleanups: (() => void)[] = [];
  private problem: string | null = null;
  private loading = false;

  constructor(host: Host) {
    this.session = new Session(host);
    const kept = recall('direction') as Way | null;
    this.way = kept && WAYS.includes(kept) ? kept : 'auto';
    const events = {
      select: (key: string | null) => this.session.select(key),
      open: (key: string) => void goToCell(this.session, key),
      toggleGroup: (name: string) => this.session.toggleGroup(name)
    };
    this.graph = new GraphView(events);
    this.list = new ListView(events);
    this.pane = new DetailsPane(this.session);
    this.pages = new Pages(this.session, this.body);
    this.header = new Header(this.session);
    this.toolbar = new Toolbar(
      this.session,
      () => this.way,
      () => this.showsList(),
      way => this.chooseWay(way)
    );
    this.element = h(
      `div.jk-root${host.fills ? '.jk-fills' : ''}`,
      {
        'data-jp-suppress-context-menu': 'true',
        role: 'region',
        'aria-label': 'jobkernel'
      },
      this.header.element,
      this.strip,
      this.body,
      this.speaker
    );
    this.subscribe();
  }

  private subscribe(): void {
    const { session } = this;
    takeKeys(this.element, session, {
      graph: this.graph,
      list: this.list,
      toolbar: this.toolbar,
      showsList: () => this.showsList()
    });
    session.on('status', before => this.onStatus(before));
    session.on('snapshot', () => this.onSnapshot());
    session.on('graph', () => this.showGraph());
    session.on('selected', () => this.onSelected());
    session.on('matches', () => this.onMatches());
    session.on('page', () => this.drawPage());
    session.on('automation', () => this.onAutomation());
    for (const topic of ['gone', 'busy', 'notice'] as const) {
      session.on(topic, () => this.drawStrips());
    }
  }

  /** After the element is in the page. */
  start(): void {
    const sizes = new ResizeObserver(() => this.resized());
    sizes.observe(this.element);
    sizes.observe(this.stage);
    const theme = new MutationObserver(() =>
      [50, 600].forEach(wait => setTimeout(() => this.graph.themeChanged(), wait))
    );
    theme.observe(document.body, {
      attributes: true,
      attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light', 'class', 'style']
    });
    const contrast = window.matchMedia?.('(forced-colors: active)');
    const recolour = () => this.graph.themeChanged();
    contrast?.addEventListener?.('change', recolour);
    this.timers.push(setInterval(() => this.tick(), TICK));
    this.cleanups.push(
      watchPresses(this.element),
      guardKeys(this.element),
      () => sizes.disconnect(),
      () => theme.disconnect(),
      () => contrast?.removeEventListener?.('change', recolour)
    );
    this.drawPage();
    this.resized();
    if (!this.session.snapshot) {
      void this.load();
    }
  }

  private async load(): Promise<void> {
    this.problem = null;
    const timer = setTimeout(() => {
      this.loading = true;
      this.drawPage();
    }, LOADING_AFTER);
    try {
      await this.session.load();
    } catch (error) {
      this.problem = this.session.gone ? null : sentence(error);
    }
    clearTimeout(timer);
    this.loading = false;
    this.drawPage();
  }

  // what changed

  private onStatus(before: Record<string, never> | object): void {
    const { session } = this;
    const status = session.snapshot?.status ?? {};
    this.graph.setStatus(status);
    this.list.setStatus(status);
    this.header.draw();
    this.toolbar.draw();
    this.pages.update();
    if (session.selected && session.outdated(session.selected, before as never)) {
      this.pane.reread();
    }
    this.pane.runsMoved();
    this.speak(announcement(before as never, session.isPart ? picked(status, session.keys) : status));
  }

  private onAutomation(): void {
    this.pane.looked();
    const unrun = unrunNotice(this.session);
    if (this.unrun !== unrun) {
      this.unrun = unrun;
      this.drawStrips();
    }
  }

  private onSnapshot(): void {
    this.drawPage();
    if (this.session.selected) {
      this.pane.reread();
    }
  }

  private onSelected(): void {
    const { selected } = this.session;
    this.graph.setSelected(selected);
    this.list.setSelected(selected);
    this.element.classList.toggle('jk-has-pane', selected !== null);
    this.pane.show(selected);
    this.toolbar.draw();
    this.resized();
  }

  private onMatches(): void {
    this.graph.setMatches(this.session.matches);
    this.list.setMatches(this.session.matches);
    this.header.draw();
    this.toolbar.draw();
  }

  /** At most one sentence a second, politely. */
  private speak(text: string): void {
    if (text && Date.now() - this.spokenAt >= SPEAK_EVERY) {
      this.spokenAt = Date.now();
      say(this.speaker, text);
    }
  }

  private tick(): void {
    if (!this.element.isConnected || document.hidden || this.session.gone) {
      return;
    }
    const status = Object.values(this.session.snapshot?.status ?? {});
    const moving = status.some(one => one.status === 'running');
    const slowly = Math.floor(Date.now() / TICK) % 15 === 0;
    if (this.session.page.tab === 'graph' && (moving || slowly)) {
      (this.showsList() ? this.list : this.graph).tick();
      this.pane.tick();
    }
    this.pages.tick(moving || slowly);
  }

  // pages

  private drawPage(): void {
    closeMenu();
    this.header.draw();
    const { page, snapshot } = this.session;
    this.pages.close(page);
    this.element.dataset.page = page.run ? 'run' : page.tab;
    if (!snapshot) {
      put(this.body, this.problem ? trouble(this.problem, () => void this.load()) : this.loading ? skeleton() : null);
    } else if (page.tab === 'runs') {
      this.pages.drawRuns(page);
    } else if (page.tab === 'automation') {
      this.pages.drawAutomation(page);
    } else {
      this.drawGraphPage();
    }
    if (page.run || page.automation) {
      this.grow(OPEN_HEIGHT);
    }
    this.drawStrips();
  }

  private drawGraphPage(): void {
    const { graph, snapshot } = this.session;
    if (!Object.keys(snapshot?.status ?? {}).length && !graph?.nodes.length && !this.session.isPart) {
      put(this.body, emptyProject());
      return;
    }
    put(this.body, this.toolbar.element, h('div.jk-split-v', null, this.stage, this.pane.element));
    this.toolbar.draw();
    this.showGraph();
  }

  private hasOnlyJobs(graph: Graph): boolean {
    const { job, selection } = graph.view;
    return !graph.nodes.length && !this.session.isPart && job === null && selection === null;
  }

  private showsList(): boolean {
    const many = (this.session.graph?.nodes.length ?? 0) > MANY_NODES;
    return this.way === 'list' || (this.way === 'auto' && ((this.width > 0 && this.width < NARROW) || many));
  }

  private showGraph(): void {
    const { graph, layoutError, snapshot, selected, matches } = this.session;
    if (!this.body.contains(this.stage)) {
      return;
    }
    this.toolbar.draw();
    if (layoutError) {
      put(
        this.stage,
        trouble(layoutError, () => void this.session.relayout())
      );
      return;
    }
    if (!graph) {
      return;
    }
    const none = graph.view.problem ? nothing(graph.view.problem) : this.hasOnlyJobs(graph) ? noAssets() : null;
    if (none) {
      put(this.stage, none);
      this.size();
      return;
    }
    const view = this.showsList() ? this.list : this.graph;
    if (this.stage.firstChild !== view.element || this.stage.childElementCount !== 1) {
      put(this.stage, view.element);
    }
    this.element.classList.toggle('jk-as-list', view === this.list);
    this.size();
    view.resize();
    if (this.drawn.get(view) !== graph) {
      this.drawn.set(view, graph);
      view.setGraph(graph);
    }
    view.setStatus(snapshot?.status ?? {});
    view.setMatches(matches);
    view.setSelected(selected);
  }

  private readonly drawn = new WeakMap<object, object>();

  // size: a cell's output takes the height its graph needs, within limits, and never shrinks under the hand

  private size(): void {
    const { graph } = this.session;
    if (
      !graph ||
      this.session.host.fills ||
      (this.session.direction !== null && graph.direction !== this.session.direction)
    ) {
      return;
    }
    const rows = graph.nodes.length * 36 + graph.groups.length * 24;
    const wanted = this.showsList() ? rows + 12 : graph.height + 60;
    const least = this.session.selected ? OPEN_HEIGHT : !this.session.isPart ? 300 : graph.nodes.length ? 200 : 120;
    this.grow(Math.min(560, Math.max(least, wanted)));
  }

  private grow(height: number): void {
    if (this.session.host.fills) {
      return;
    }
    const held = Number(this.element.dataset.height ?? 0);
    if (height > held) {
      this.element.dataset.height = String(height);
      this.element.style.setProperty('--jk-height', `${height}px`);
    }
  }

  private resized(): void {
    this.width = this.element.clientWidth;
    if (!this.width) {
      return;
    }
    this.element.classList.toggle('jk-narrow', this.width < NARROW);
    this.element.classList.toggle('jk-mid', this.width >= NARROW && this.width < 800);
    const canvas = this.stage.clientWidth || this.width;
    const chosen = this.way === 'list' ? 'auto' : this.way;
    this.session.setDirection(directionFor(canvas, chosen));
    this.showGraph();
    this.graph.resize();
    this.list.resize();
  }

  private chooseWay(way: Way): void {
    this.way = way;
    remember('direction', way);
    this.resized();
    this.toolbar.draw();
  }

  // strips: kernel gone, kernel busy, what an action answered

  private drawStrips(): void {
    const gone = this.session.gone !== null;
    this.element.classList.toggle('jk-gone', gone);
    this.body.toggleAttribute('inert', gone);
    put(this.strip, banners(this.session));
    this.toolbar.draw();
  }

  dispose(): void {
    closeMenu();
    this.timers.forEach(clearInterval);
    this.cleanups.forEach(clean => clean());
    this.pages.dispose();
    this.pane.dispose();
    this.graph.dispose();
    this.list.dispose();
    this.session.dispose();
    this.element.remove();
  }
}
