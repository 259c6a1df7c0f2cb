// Bundle the development page; nothing of it ships.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const here = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
await build({
  bundle: true,
  sourcemap: true,
  absWorkingDir: here('.'),
  entryPoints: ['dev/page.ts', 'style/screen.css'],
  entryNames: '[name]',
  outdir: 'dev/dist',
  format: 'esm',
  target: 'es2020'
});
