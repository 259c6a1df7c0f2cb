/**
 * Status glyphs and icons as SVG on a 16 px box. Silhouettes differ, so that they read without colour.
 * Knows words and shapes; called by every view.
 */
import type { NodeStatus, StatusWord } from '../protocol';
import { isPartly } from '../words';
import { s } from './dom';

export type GlyphName = StatusWord | 'warning' | 'retry' | 'edited' | 'missed' | 'unmet' | 'some' | 'partly';

const WHITE = {
  fill: 'none',
  stroke: 'var(--jk-bg)',
  'stroke-width': 1.75,
  'stroke-linecap': 'round',
  'stroke-linejoin': 'round'
};
const LINE = {
  fill: 'none',
  stroke: 'currentColor',
  'stroke-width': 1.5,
  'stroke-linecap': 'round',
  'stroke-linejoin': 'round'
};
const ring = (extra = {}) => s('circle', { cx: 8, cy: 8, r: 6.2, ...LINE, ...extra });

const SHAPES: Record<GlyphName, () => SVGElement[]> = {
  fresh: () => [
    s('circle', { cx: 8, cy: 8, r: 7, fill: 'currentColor' }),
    s('path', { d: 'M4.8 8.3l2.2 2.2 4.2-4.6', ...WHITE })
  ],
  failed: () => [
    s('rect', { x: 1.5, y: 1.5, width: 13, height: 13, rx: 2.5, fill: 'currentColor' }),
    s('path', { d: 'M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4', ...WHITE })
  ],
  running: () => [
    s('circle', { cx: 8, cy: 8, r: 6, ...LINE, 'stroke-width': 2, opacity: 0.25 }),
    s('path.jk-spin', { d: 'M8 2a6 6 0 0 1 6 6', ...LINE, 'stroke-width': 2 })
  ],
  stale: () => [ring(), s('path', { d: 'M8 1.8a6.2 6.2 0 0 0 0 12.4z', fill: 'currentColor' })],
  never: () => [ring({ 'stroke-dasharray': '2.2 2.67', 'stroke-linecap': 'butt' })],
  queued: () => [ring(), s('path', { d: 'M8 4.6V8l2.3 1.6', ...LINE })],
  canceled: () => [ring(), s('path', { d: 'M3.8 12.2l8.4-8.4', ...LINE })],
  skipped: () => [s('path', { d: 'M3.5 8h9', ...LINE, 'stroke-width': 2 })],
  warning: () => [
    s('path', { d: 'M8 1.8l6.6 12H1.4z', fill: 'currentColor', stroke: 'currentColor', 'stroke-linejoin': 'round' }),
    s('path', { d: 'M8 6v3.6M8 11.8v.1', ...WHITE })
  ],
  retry: () => [s('path', { d: 'M13 8a5 5 0 1 1-1.6-3.7M13.4 2v3.2h-3.2', ...LINE, 'stroke-width': 1.75 })],
  edited: () => [s('path', { d: 'M3 13l.8-3L10.6 3.2l2.2 2.2L6 12.2z', ...LINE })],
  unmet: () => [ring(), s('path', { d: 'M5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2', ...LINE })],
  some: () => [ring(), s('path', { d: 'M8 8V1.8a6.2 6.2 0 0 1 0 12.4z', fill: 'currentColor' })],
  partly: () => [
    s('path', { d: 'M1.8 8a6.2 6.2 0 0 1 12.4 0', ...LINE, 'stroke-dasharray': '2.2 2.2', 'stroke-linecap': 'butt' }),
    s('path.jk-g-half', { d: 'M1 8a7 7 0 0 0 14 0z', fill: 'currentColor' })
  ],
  missed: () => [s('path', { d: 'M8 2.2l5.8 5.8L8 13.8 2.2 8z', ...LINE })]
};

/** The drawing of a node's status. */
export const shapeOf = (status: NodeStatus | undefined): GlyphName =>
  isPartly(status) ? 'partly' : (status?.status ?? 'never');

const ICONS = {
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8L14 14',
  down: 'M4.5 6.5L8 10l3.5-3.5',
  right: 'M6.5 4.5L10 8l-3.5 3.5',
  left: 'M9.5 4.5L6 8l3.5 3.5',
  x: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  play: 'M5 3.2v9.6L12.6 8z',
  stop: 'M4 4h8v8H4z',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  pop: 'M9.5 2.5h4v4M13.5 2.5l-5 5M11.5 9.5v4h-9v-9h4',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  fit: 'M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  tree: 'M6 2.5h4v3H6zM2 10.5h4v3H2zM10 10.5h4v3h-4zM8 5.5V8M4 10.5V8h8v2.5',
  across: 'M2.5 6v4h3V6zM10.5 2v4h3V2zM10.5 10v4h3v-4zM5.5 8H8M10.5 4H8v8h2.5',
  list: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.6 4h.01M2.6 8h.01M2.6 12h.01',
  cell: 'M2.5 3.5h11v9h-11zM5 6.5l2 1.5-2 1.5M8.5 10H11',
  check: 'M3.5 8.5l3 3 6-7',
  copy: 'M5.5 5.5h8v8h-8zM2.5 10.5v-8h8',
  filter: 'M2.5 4h11M4.5 8h7M6.5 12h3',
  pin: 'M5.5 2.5h5M6.5 2.5v4L4.5 9h7l-2-2.5v-4M8 9v4.5'
};
export type IconName = keyof typeof ICONS;

/** A status drawing; `word` is what a screen reader hears (nothing when the status stands beside it in words). */
export function glyph(name: GlyphName, size = 14, word: string | null = null): SVGElement {
  const label = word === null ? { 'aria-hidden': 'true' } : { role: 'img', 'aria-label': word };
  const box = { viewBox: '0 0 16 16', style: `width:${size}px;height:${size}px` };
  return s(`svg.jk-g.jk-g-${name}`, { ...box, ...label, 'data-status': name }, SHAPES[name]?.() ?? SHAPES.never());
}

export function icon(name: IconName, size = 16): SVGElement {
  const solid = name === 'play' || name === 'stop';
  return s(
    'svg.jk-i',
    { viewBox: '0 0 16 16', style: `width:${size}px;height:${size}px`, 'aria-hidden': 'true' },
    s('path', {
      d: ICONS[name],
      fill: solid ? 'currentColor' : 'none',
      stroke: 'currentColor',
      'stroke-width': name === 'more' ? 2.2 : 1.4,
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round'
    })
  );
}

/** A line through a history of numbers, its last value as a dot. */
export function sparkline(values: number[], width = 72, height = 16): SVGElement | null {
  const shown = values.filter(Number.isFinite);
  if (shown.length < 2) {
    return null;
  }
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const across = (i: number) => 2 + (i * (width - 6)) / (shown.length - 1);
  const up = (v: number) => height - 3 - (high > low ? (v - low) / (high - low) : 0.5) * (height - 6);
  const points = shown.map((v, i) => `${across(i).toFixed(1)},${up(v).toFixed(1)}`).join(' ');
  const last = shown.length - 1;
  return s(
    'svg.jk-spark',
    { width, height, 'aria-hidden': 'true' },
    s('polyline', { points }),
    s('circle', { cx: across(last).toFixed(1), cy: up(shown[last]).toFixed(1), r: 2 })
  );
}
