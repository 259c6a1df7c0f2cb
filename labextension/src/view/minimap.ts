/** The small map at lower left: coloured blocks and the part in view. Only there when something lies outside. */
import type { Box } from '../geometry';
import type { Graph } from '../protocol';
import { h } from './dom';
import type { Block, Colours } from './ink';

const SIZE = 72;
const TONE: Record<Block, keyof Colours | null> = {
  fresh: 'ok',
  failed: 'fail',
  stale: 'warn',
  running: 'run',
  partly: null,
  never: null,
  queued: null,
  canceled: null,
  skipped: null
};

export class Minimap {
  private readonly sheet = h('canvas') as HTMLCanvasElement;
  private readonly frame = h('i');
  readonly element = h('div.jk-mini', { title: 'Drag to move about', hidden: true }, this.sheet, this.frame);
  private scale = 0;
  private world: Box = { x: 0, y: 0, w: 1, h: 1 };

  constructor(moveTo: (worldX: number, worldY: number) => void) {
    const go = (event: PointerEvent) => {
      const at = this.element.getBoundingClientRect();
      moveTo(
        this.world.x + (event.clientX - at.left) / this.scale,
        this.world.y + (event.clientY - at.top) / this.scale
      );
    };
    this.element.addEventListener('pointerdown', event => {
      event.stopPropagation();
      this.element.setPointerCapture(event.pointerId);
      go(event);
    });
    this.element.addEventListener('pointermove', event => event.buttons === 1 && go(event));
  }

  /** Draw the blocks. */
  draw(graph: Graph, world: Box, colours: Colours, word: (node: number) => Block): void {
    this.world = world;
    this.scale = Math.min(SIZE / world.w, SIZE / world.h);
    const [w, ht] = [Math.max(16, world.w * this.scale), Math.max(16, world.h * this.scale)];
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.sheet, { width: Math.round(w * ratio), height: Math.round(ht * ratio) });
    Object.assign(this.element.style, { width: `${w}px`, height: `${ht}px` });
    const c = this.sheet.getContext('2d');
    if (!c) {
      return;
    }
    const k = ratio * this.scale;
    c.setTransform(k, 0, 0, k, -world.x * k, -world.y * k);
    graph.nodes.forEach((node, i) => {
      const tone = TONE[word(i)];
      c.fillStyle = tone ? colours[tone] : colours.edge;
      c.globalAlpha = tone ? 1 : 0.5;
      c.fillRect(node.x, node.y, node.w, node.h);
    });
  }

  /** Move the frame to the part in view. */
  show(view: Box): void {
    const [x, y] = [(view.x - this.world.x) * this.scale, (view.y - this.world.y) * this.scale];
    const [w, ht] = [view.w * this.scale, view.h * this.scale];
    Object.assign(this.frame.style, { transform: `translate(${x}px,${y}px)`, width: `${w}px`, height: `${ht}px` });
  }
}
