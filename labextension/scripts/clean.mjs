// Remove what the build writes, so that no file of an older build stays behind.
import { rmSync } from 'node:fs';

for (const path of [
  'lib',
  'tsconfig.tsbuildinfo',
  '../jobkernel/labextension',
  '../jobkernel/static/widget.js',
  '../jobkernel/static/widget.css'
]) {
  rmSync(new URL(`../${path}`, import.meta.url), { recursive: true, force: true });
}
