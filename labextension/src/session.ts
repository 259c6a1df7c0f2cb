/**
 * What one open screen knows: the snapshot, the drawn graph, what is selected and searched, which page is open.
 * Talks to the host, applies pushes, tells the views what changed. Knows no element.
 */
import { isOpen } from './backfills';
import { applyStatus, changedWords, detailsOutdated, isOfAutomationOnly, keysOf, whole } from './changes';
import { unpacked } from './packed';
import { isGraph, isPush, isSnapshot, Refusal } from './guards';
import { isActive } from './protocol';
import { isUnfinished, matchesHere } from './search';
import type {
  Direction,
  Graph,
  Host,
  Operation,
  Operations,
  PackedGraph,
  Push,
  Shown,
  Snapshot,
  StatusMap
} from './protocol';

export type Topic =
  'snapshot' | 'status' | 'automation' | 'graph' | 'selected' | 'matches' | 'page' | 'gone' | 'busy' | 'notice';
export type Tab = 'graph' | 'runs' | 'automation';
export interface Page {
  tab: Tab;
  run: string | null;
  step: string | null;
  /** The backfill whose runs are shown among the runs. */
  backfill: string | null;
  /** The schedule or sensor whose details are open. */
  automation: string | null;
  /** The moment that its looks are shown up to; null for the newest. */
  until: number | null;
}
export interface Notice {
  text: string;
  tone: 'fail' | 'plain';
  action: { label: string; quiet?: boolean; run: () => void } | null;
  /** Only of interest while this run is active, or this backfill goes on. */
  run?: string;
  backfill?: string;
}
export interface Query {
  job: string | null;
  selection: string | null;
  focus: string | null;
  depth: number;
  collapsed: string[] | null;
}

/** Above this many assets a click shows one neighbourhood. */
export const NEIGHBOURHOOD_ABOVE = 150;
const BUSY_AFTER = 1500;
const REFUSED_AFTER = 1200;

export class Session {
  snapshot: Snapshot | null;
  graph: Graph | null;
  gone: { reason: string; at: number } | null = null;
  busy = false;
  selected: string | null = null;
  search = '';
  matches: Set<string> | null = null;
  searchError: string | null = null;
  notice: Notice | null = null;
  layoutError: string | null = null;
  page: Page = { tab: 'graph', run: null, step: null, backfill: null, automation: null, until: null };
  /** What was last said of definitions that have not run, if somebody has put it aside. */
  putAside: string | null = null;
  query: Query;
  /** Whether it is about a part of the graph only, a job or a selection, and stays with it. */
  readonly isPart: boolean;
  direction: Direction | null = null;

  private readonly listeners = new Map<Topic, Set<(before: StatusMap) => void>>();
  private readonly stop: () => void;
  private readonly slow = new Set<number>();
  private layoutTurn = 0;
  private searchTurn = 0;
  private isTyping = false;
  private requestTurn = 0;

  constructor(readonly host: Host) {
    this.snapshot = isSnapshot(host.initial) ? whole(host.initial) : null;
    this.graph = this.snapshot && unpacked(this.snapshot.graph);
    const { job = null, selection = null } = this.snapshot?.graph.view ?? {};
    this.query = { job, selection, focus: null, depth: 1, collapsed: null };
    this.isPart = job !== null || selection !== null;
    this.stop = host.onPush(push => this.receive(push));
    host.onShow?.(page => this.show(page));
  }

  /** Call `listener` when the topic changes; returns how to stop. */
  on(topic: Topic, listener: (before: StatusMap) => void): () => void {
    const set = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, set.add(listener));
    return () => set.delete(listener);
  }

  tell(topic: Topic, before: StatusMap = {}): void {
    for (const listener of [...(this.listeners.get(topic) ?? [])]) {
      listener(before);
    }
  }

  dispose(): void {
    this.stop();
    this.listeners.clear();
  }

  /** Ask the kernel; rejects with one sentence. */
  async ask<O extends Operation>(op: O, fields: Operations[O]['fields']): Promise<Operations[O]['result']> {
    if (this.gone) {
      throw new Refusal(this.gone.reason);
    }
    const turn = ++this.requestTurn;
    const timer = setTimeout(() => this.markSlow(turn, true), BUSY_AFTER);
    try {
      return (await this.host.request(op, fields as Record<string, unknown>)) as Operations[O]['result'];
    } finally {
      clearTimeout(timer);
      this.markSlow(turn, false);
    }
  }

  private markSlow(turn: number, slow: boolean): void {
    slow ? this.slow.add(turn) : this.slow.delete(turn);
    if (this.busy !== this.slow.size > 0) {
      this.busy = this.slow.size > 0;
      this.tell('busy');
    }
  }

  /** Read the snapshot when none came with the screen. */
  async load(): Promise<void> {
    const snapshot = await this.ask('snapshot', {});
    if (!isSnapshot(snapshot)) {
      throw new Refusal('The kernel speaks another version of the protocol. Upgrade jobkernel and reload the page.');
    }
    this.adopt(whole(snapshot));
  }

  private receive(push: Push): void {
    if (!isPush(push)) {
      return;
    }
    switch (push.push) {
      case 'status':
        this.receiveStatus(push);
        break;
      case 'graph':
        this.adopt(whole(push.snapshot));
        break;
      case 'gone':
        this.gone = { reason: push.reason, at: Date.now() };
        this.tell('gone');
    }
  }

  private receiveStatus(push: Extract<Push, { push: 'status' }>): void {
    if (!this.snapshot) {
      return;
    }
    const before = this.snapshot.status;
    const held = this.snapshot;
    this.snapshot = applyStatus(this.snapshot, push);
    this.comeBack();
    if (push.automation) {
      this.tell('automation');
    }
    if (isOfAutomationOnly(push, held)) {
      return;
    }
    this.dropNotice();
    this.tell('status', before);
    if (this.search.startsWith('status:')) {
      void this.findAgain();
    }
    if (this.query.selection?.includes('status:') && changedWords(before, this.snapshot.status).length) {
      void this.relayout();
    }
  }

  private adopt(snapshot: Snapshot): void {
    const before = this.snapshot?.status ?? {};
    this.snapshot = snapshot;
    if (!this.isPart && this.query.job !== null && !snapshot.jobs.some(job => job.name === this.query.job)) {
      this.query = { ...this.query, job: null };
    }
    this.comeBack();
    if (this.isDefaultView(snapshot.graph)) {
      this.setGraph(unpacked(snapshot.graph));
    } else {
      void this.relayout();
    }
    this.tell('snapshot');
    this.tell('automation');
    this.tell('status', before);
    if (this.search) {
      void this.findAgain();
    }
  }

  private comeBack(): void {
    if (this.gone) {
      this.gone = null;
      this.tell('gone');
    }
  }

  private isDefaultView(graph: PackedGraph): boolean {
    const { job, selection, focus, collapsed } = this.query;
    const { view, direction } = graph;
    const isAsked = view.job === job && view.selection === selection && !focus && !collapsed;
    return isAsked && (this.direction === null || direction === this.direction);
  }

  /** Draw the other way round when the graph at hand is not drawn so. */
  setDirection(direction: Direction): void {
    const changed = this.direction !== direction;
    this.direction = direction;
    if (changed && this.graph && this.graph.direction !== direction) {
      void this.relayout();
    }
  }

  setQuery(change: Partial<Query>): void {
    this.query = { ...this.query, ...change };
    void this.relayout();
  }

  /** Open or close a group; the kernel's own choice stands until the first click. */
  toggleGroup(name: string): void {
    const now = new Set(this.graph?.view.collapsed ?? []);
    now.has(name) ? now.delete(name) : now.add(name);
    this.setQuery({ collapsed: [...now] });
  }

  async relayout(): Promise<void> {
    const turn = ++this.layoutTurn;
    const { job, selection, focus, depth, collapsed } = this.query;
    try {
      const graph = await this.ask('layout', {
        job,
        selection,
        focus,
        ...(focus ? { depth } : {}),
        ...(collapsed ? { collapsed } : {}),
        ...(this.direction ? { direction: this.direction } : {})
      });
      if (turn === this.layoutTurn && isGraph(graph)) {
        this.layoutError = null;
        this.setGraph(unpacked(graph));
      }
    } catch (error) {
      if (turn === this.layoutTurn && !this.gone) {
        this.layoutError = sentence(error);
        this.tell('graph');
      }
    }
  }

  private setGraph(graph: Graph): void {
    this.graph = graph;
    this.tell('graph');
  }

  /** The keys of assets and ops that it is about. */
  get keys(): string[] {
    const { snapshot, graph, query } = this;
    if (!snapshot) {
      return [];
    }
    const chosen = query.selection === null ? keysOf(snapshot, query.job) : (graph?.view.keys ?? []);
    return query.selection === null ? chosen : chosen.filter(key => key in snapshot.status);
  }

  /** Select a node, or nothing; in a large project the graph closes in on its neighbourhood. */
  select(key: string | null): void {
    if (key === this.selected) {
      return;
    }
    this.selected = key;
    this.tell('selected');
    const large = this.keys.length > NEIGHBOURHOOD_ABOVE;
    if (key !== null && large && this.query.focus !== key && this.snapshot?.status[key]) {
      this.setQuery({ focus: key, depth: 1 });
    }
  }

  /** Dim what does not match: a plain word by name at once, anything else by the kernel's selection language. */
  find(text: string): Promise<void> {
    this.isTyping = false;
    return this.look(text, 0);
  }

  private async look(text: string, refusedAfter: number): Promise<void> {
    const turn = ++this.searchTurn;
    this.search = text;
    const wanted = text.trim();
    if (!wanted) {
      return this.showMatches(null, null);
    }
    const local = matchesHere(wanted, this.snapshot?.status ?? {});
    if (local) {
      return this.showMatches(local, null);
    }
    try {
      const { keys } = await this.ask('select', { text: wanted });
      if (turn === this.searchTurn) {
        this.showMatches(new Set(keys), null);
      }
    } catch (error) {
      if (refusedAfter && turn === this.searchTurn) {
        this.showMatches(null, null);
        await new Promise(rested => setTimeout(rested, refusedAfter));
      }
      if (turn === this.searchTurn) {
        this.showMatches(this.matches, sentence(error));
      }
    }
  }

  /** The same while somebody types: what is not whole yet is no mistake, and other mistakes are told after a rest. */
  async findWhileTyping(text: string): Promise<void> {
    this.isTyping = true;
    const local = matchesHere(text.trim(), this.snapshot?.status ?? {});
    if (!local?.size && isUnfinished(text.trim(), this.keys)) {
      this.searchTurn++;
      this.search = text;
      return this.showMatches(null, null);
    }
    return this.look(text, REFUSED_AFTER);
  }

  private findAgain(): Promise<void> {
    return this.isTyping ? this.findWhileTyping(this.search) : this.find(this.search);
  }

  private showMatches(matches: Set<string> | null, error: string | null): void {
    this.matches = matches;
    this.searchError = error;
    this.tell('matches');
  }

  /** Go where somebody outside points: a node, or a run. */
  private show({ key, run, step, automation, backfill }: Shown): void {
    if (backfill) {
      this.open({ tab: 'runs', backfill });
      return;
    }
    this.open(
      run ? { tab: 'runs', run, step: step ?? null } : automation ? { tab: 'automation', automation } : { tab: 'graph' }
    );
    if (key) {
      this.select(key);
    }
  }

  open(page: Partial<Page>): void {
    this.page = {
      run: null,
      step: null,
      backfill: null,
      automation: null,
      until: null,
      ...(page.tab ? {} : { tab: this.page.tab }),
      ...page
    } as Page;
    this.tell('page');
  }

  private dropNotice(): void {
    const { run: about, backfill } = this.notice ?? {};
    const isOver = about && !this.snapshot?.runs.some(run => run.run_id === about && isActive(run));
    const found = this.snapshot?.backfills.find(row => row.backfill_id === backfill);
    if (isOver || (found && !isOpen(found))) {
      this.setNotice(null);
    }
  }

  setNotice(notice: Notice | null): void {
    this.notice = notice;
    this.tell('notice');
  }

  /** Whether what the details pane shows of `key` is out of date after a push. */
  outdated(key: string, before: StatusMap): boolean {
    return detailsOutdated(before[key], this.snapshot?.status[key]);
  }
}

/** The sentence of a thrown thing. */
export const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));
