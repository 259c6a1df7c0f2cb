// Bundle each test file for node:test.
import { build } from 'esbuild';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
rmSync(here('.tests'), { recursive: true, force: true });
const entryPoints = readdirSync(here('test'))
  .filter(name => name.endsWith('.test.ts'))
  .map(name => `test/${name}`);
await build({
  bundle: true,
  absWorkingDir: here('.'),
  entryPoints,
  outdir: '.tests',
  outExtension: { '.js': '.mjs' },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external'
});
