// Bundle the widget: one module and one style sheet, the same bytes in any folder.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const here = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
const common = { bundle: true, minify: true, legalComments: 'none', charset: 'utf8', absWorkingDir: here('.') };

await build({
  ...common,
  entryPoints: ['src/widget.ts'],
  format: 'esm',
  target: 'es2020',
  outfile: '../jobkernel/static/widget.js'
});
await build({ ...common, entryPoints: ['style/screen.css'], outfile: '../jobkernel/static/widget.css' });
