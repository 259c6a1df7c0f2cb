/** What a screen needs from where it stands: a way to the kernel, and ways out of itself. */
import type { Push, SentSnapshot } from './protocol';

/** Something to look at, pointed to from outside the screen. */
export interface Shown {
  key?: string;
  run?: string;
  step?: string;
  automation?: string;
  backfill?: string;
}

/** A notebook that the Jupyter server keeps going, as the server tells it. */
export interface PinnedNotebook {
  key: string;
  notebook: string;
  path: string;
  project: string;
  automations: string[];
  state: string;
  error: string | null;
}

/** Where requests go and pushes come from: an anywidget model, a kernel's control channel, or a test. */
export interface Host {
  request(op: string, fields: Record<string, unknown>): Promise<unknown>;
  onPush(listener: (push: Push) => void): () => void;
  initial: SentSnapshot | null;
  goto?(key: string, cellId: string | null): void;
  openTab?(): void;
  /** Run `%jk restore` as a cell of the notebook, with `%load_ext jobkernel` before it where that is missing. */
  restore?(loaded: boolean): boolean;
  /** The notebooks that this Jupyter server keeps going. */
  pinned?(): Promise<PinnedNotebook[]>;
  unpin?(key: string): Promise<void>;
  /** Fill the element's height instead of choosing one (a tab, not a cell's output). */
  fills?: boolean;
  /** Called with what somebody outside wants shown. */
  onShow?(listener: (shown: Shown) => void): void;
}
