/** A browser's page for tests: jsdom, and the few things it lacks. */
import { JSDOM } from 'jsdom';

const dom = new JSDOM('<!doctype html><body></body>', { pretendToBeVisual: true, url: 'http://localhost/' });
class Observer {
  observe(): void {}
  disconnect(): void {}
}
const { window } = dom;
Object.assign(globalThis, {
  window,
  document: window.document,
  Node: window.Node,
  Element: window.Element,
  HTMLElement: window.HTMLElement,
  CustomEvent: window.CustomEvent,
  MutationObserver: window.MutationObserver,
  ResizeObserver: Observer,
  requestAnimationFrame: (run: FrameRequestCallback) => setTimeout(() => run(0), 0),
  cancelAnimationFrame: clearTimeout,
  getComputedStyle: window.getComputedStyle,
  CSS: { escape: (text: string) => text.replace(/[^\w-]/g, c => `\\${c}`) }
});
window.HTMLCanvasElement.prototype.getContext = () => null;
for (const [name, size] of [
  ['clientWidth', 960],
  ['clientHeight', 600]
] as const) {
  Object.defineProperty(window.HTMLElement.prototype, name, { get: () => size, configurable: true });
}
export const page = window.document;

/** Wait until the condition holds, at most three seconds. */
export async function until<T>(condition: () => T): Promise<NonNullable<T>> {
  const end = Date.now() + 3000;
  for (;;) {
    const found = condition();
    if (found) {
      return found as NonNullable<T>;
    }
    if (Date.now() > end) {
      throw new Error(`never came true: ${condition}`);
    }
    await new Promise(done => setTimeout(done, 5));
  }
}
