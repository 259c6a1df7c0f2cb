/**
 * The screen as an anywidget. Requests go out as DOM events, which the JupyterLab extension carries to the kernel
 * even while a cell runs; where nobody takes them, over the widget's own channel. Knows anywidget's model only.
 */
import { mount } from './app';
import { isPush, isSnapshot, Refusal, resultOf } from './guards';
import type { Host, Push, Reply } from './protocol';
import { answerWithin } from './queries';

/** The part of anywidget's model that is used. */
export interface Model {
  get(name: string): unknown;
  on(event: string, listener: (content: unknown) => void): void;
  off(event: string, listener: (content: unknown) => void): void;
  send(content: unknown): void;
}

const ANSWER_WITHIN = 5_000;
const ANSWER_WITHIN_OWN_CHANNEL = 60_000;
const FRAMES_TO_WAIT = 30;

interface Pending {
  resolve: (reply: unknown) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** Talk to the kernel of `model` from `element`. */
export class WidgetHost implements Host {
  readonly initial;
  private readonly pending = new Map<number, Pending>();
  private readonly listeners = new Set<(push: Push) => void>();
  // several views of one model hear each other's replies: each starts counting somewhere else
  private next = Math.floor(Math.random() * 2 ** 32) * 2 ** 16;

  constructor(
    private readonly model: Model,
    private readonly element: HTMLElement
  ) {
    const snapshot = model.get('snapshot');
    this.initial = isSnapshot(snapshot) ? snapshot : null;
    model.on('msg:custom', this.onMessage);
    document.addEventListener('jobkernel:kernel', this.onKernel);
    document.addEventListener('jobkernel:push', this.onForwarded);
  }

  private get kernel(): string | null {
    const snapshot = this.model.get('snapshot') as { kernel_id?: string } | null;
    return snapshot?.kernel_id ?? null;
  }

  async request(op: string, fields: Record<string, unknown>): Promise<unknown> {
    await this.inPage();
    const id = ++this.next;
    const request = { ...fields, id, op };
    return new Promise<unknown>((resolve, reject) => {
      const settle = (reply: unknown) => {
        clearTimeout(this.pending.get(id)?.timer);
        this.pending.delete(id);
        try {
          resolve(resultOf(reply));
        } catch (error) {
          reject(error);
        }
      };
      const handled = this.dispatch('jobkernel:request', { request, kernel: this.kernel, reply: settle });
      const late = {
        id,
        ok: false,
        error: handled
          ? 'The kernel did not answer. Is it still running?'
          : 'The kernel did not answer. A cell may still be running.'
      };
      const timer = setTimeout(
        () => settle(late),
        handled ? answerWithin(op, ANSWER_WITHIN) + 1000 : answerWithin(op, ANSWER_WITHIN_OWN_CHANNEL)
      );
      this.pending.set(id, { resolve: settle, timer });
      if (!handled) {
        this.model.send({ request });
      }
    });
  }

  private dispatch(name: string, detail: object): boolean {
    const full = { ...detail, handled: false };
    this.element.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail: full }));
    return full.handled;
  }

  /** anywidget renders before the element is in the page, and events from outside the page reach nobody. */
  private async inPage(): Promise<void> {
    for (let i = 0; i < FRAMES_TO_WAIT && !this.element.isConnected; i++) {
      await new Promise(done => requestAnimationFrame(done));
    }
  }

  onPush(listener: (push: Push) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  goto(key: string, cellId: string | null): void {
    this.dispatch('jobkernel:goto', { key, cell_id: cellId, kernel: this.kernel });
  }

  openTab(): void {
    this.dispatch('jobkernel:open', { what: 'tab', kernel: this.kernel });
  }

  restore(loaded: boolean): boolean {
    return this.dispatch('jobkernel:restore', { loaded, kernel: this.kernel });
  }

  private push(push: unknown): void {
    if (isPush(push)) {
      this.listeners.forEach(listener => listener(push));
    }
  }

  private onMessage = (content: unknown): void => {
    const message = content as { reply?: Reply; push?: unknown };
    if (message?.reply) {
      this.pending.get(message.reply.id)?.resolve(message.reply);
    } else {
      this.push(content);
    }
  };

  private onKernel = (event: Event): void => {
    const { kernel, state, reason } = (event as CustomEvent).detail as {
      kernel: string;
      state: string;
      reason: string;
    };
    if (kernel === this.kernel && state === 'gone') {
      this.push({ push: 'gone', reason });
    }
  };

  /** After a restart the model is dead, and pushes come by way of the extension. */
  private onForwarded = (event: Event): void => {
    const { kernel, push } = (event as CustomEvent).detail as { kernel: string; push: unknown };
    if (kernel === this.kernel) {
      this.push(push);
    }
  };

  dispose(): void {
    this.model.off('msg:custom', this.onMessage);
    document.removeEventListener('jobkernel:kernel', this.onKernel);
    document.removeEventListener('jobkernel:push', this.onForwarded);
    for (const { resolve } of [...this.pending.values()]) {
      resolve({ id: 0, ok: false, error: 'The screen was closed.' });
    }
  }
}

export { Refusal };

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const host = new WidgetHost(model, el);
  const unmount = mount(el, host);
  return () => {
    unmount();
    host.dispose();
  };
}

export default { render };
