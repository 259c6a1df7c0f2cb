/** Gives a still picture, which is drawn as an image and so sees no styles of the page, the colours of the theme. */
const TOLD = [
  '--jp-layout-color1',
  '--jp-ui-font-color1',
  '--jp-ui-font-color2',
  '--jp-ui-font-family',
  '--jp-border-color1'
];
const HARMLESS = /^[\w\s#(),.%'"-]+$/;

/** The SVG text with the theme's values, as `element` sees them, written into it. */
export function themed(svg: string, element: Element): string {
  const style = getComputedStyle(element);
  const told = TOLD.map(name => [name, style.getPropertyValue(name).trim()])
    .filter(([, value]) => HARMLESS.test(value))
    .map(([name, value]) => `${name}:${value}`);
  return svg.replace(/^<svg\b[^>]*>/, head => `${head}<style>svg{${told.join(';')}}</style>`);
}
