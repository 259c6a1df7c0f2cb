// Write the example messages that TypeScript and Python tests share, with fixed times. Run after a protocol change.
import { build } from 'esbuild';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
Date.now = () => Date.UTC(2026, 2, 3, 12, 0, 0);
await build({
  bundle: true,
  absWorkingDir: here('.'),
  entryPoints: ['dev/examples.ts'],
  outfile: '.tests/examples.mjs',
  format: 'esm',
  platform: 'node'
});
const { examples } = await import(new URL('../.tests/examples.mjs', import.meta.url));
const folder = here('../tests/contract/graph_view/');
mkdirSync(folder, { recursive: true });
for (const [name, message] of Object.entries(examples)) {
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(message, null, 1)}\n`);
}
