/** What a screen needs from where it stands: a way to the kernel, and ways out of itself. */
import type { Push, SentSnapshot } from './protocol';

/** Something to look at, pointed to from outside the screen. */
export interface Shown {
  key?: string;
  run?: string;
  step?: string;
}

/** Where requests go and pushes come from: an anywidget model, a kernel's control channel, or a test. */
export interface Host {
  request(op: string, fields: Record<string, unknown>): Promise<unknown>;
  onPush(listener: (push: Push) => void): () => void;
  initial: SentSnapshot | null;
  goto?(key: string, cellId: string | null): void;
  openTab?(): void;
  /** Fill the element's height instead of choosing one (a tab, not a cell's output). */
  fills?: boolean;
  /** Called with what somebody outside wants shown. */
  onShow?(listener: (shown: Shown) => void): void;
}
