/**
 * The few lines that make elements. Text goes in as text nodes only, so whatever a person or their data is
 * called is shown as text. Called by every view.
 */
const SVG_NAMES = new Set(['svg', 'path', 'g', 'circle', 'rect', 'line', 'polyline']);
const SVG = 'http://www.w3.org/2000/svg';

export type Child = Node | string | number | null | undefined | false | Child[];
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

/** `h('button.jk-btn', {title: 'Fit', onclick: f}, 'Fit')`: an element with attributes, listeners, children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  spec: K | `${K}.${string}`,
  attributes?: Attributes | null,
  ...children: Child[]
): HTMLElementTagNameMap[K];
export function h(spec: string, attributes?: Attributes | null, ...children: Child[]): HTMLElement;
export function h(spec: string, attributes?: Attributes | null, ...children: Child[]): HTMLElement {
  return make(spec, attributes, children) as HTMLElement;
}

/** The same for SVG elements. */
export const s = (spec: string, attributes?: Attributes | null, ...children: Child[]): SVGElement =>
  make(spec, attributes, children) as SVGElement;

function make(spec: string, attributes: Attributes | null | undefined, children: Child[]): Element {
  const [tag, ...classes] = spec.split('.');
  const element = SVG_NAMES.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) {
    element.setAttribute('class', classes.filter(Boolean).join(' '));
  }
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') {
      element.addEventListener(name.slice(2), value as (event: Event) => void);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  fill(element, children);
  return element;
}

/** Append children, flattening lists and leaving out nothings. */
export function fill(element: Element, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) {
      fill(element, child);
    } else if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
}

/** Replace everything inside. */
export function put(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  fill(element, children);
}

/** Set text only when it differs, so that nothing repaints or is announced twice. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Remember a small choice (direction, pane width) where the host allows it; forgetting is fine. */
export function recall(name: string): string | null {
  try {
    return window.localStorage.getItem(`jobkernel:${name}`);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    window.localStorage.setItem(`jobkernel:${name}`, value);
  } catch {
    return;
  }
}
