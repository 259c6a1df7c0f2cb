"use strict";(self.rspackChunkjobkernel=self.rspackChunkjobkernel||[]).push([["style_index_js"],{"./node_modules/css-loader/dist/cjs.js!./style/automation.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* Automation: who sees to it, a row each with its day, what is open of one. */
.jk-auto {
  flex: 1;
  min-height: 0;
  display: flex;
  flex-direction: column;
}
.jk-health {
  flex: none;
  min-height: 41px;
  display: flex;
  align-items: center;
  gap: 16px;
  padding: 0 12px;
  border-bottom: 1px solid var(--jk-line);
  overflow: hidden;
}
.jk-pin {
  gap: 6px;
  min-width: 0;
  flex: 0 1 auto;
}
.jk-moved {
  flex: none;
  background: var(--jk-warn-wash);
  color: var(--jk-warn-ink);
}
.jk-arscroll {
  flex: 0 1 auto;
  min-height: 80px;
  overflow: auto;
}
.jk-auto:not(.jk-has-look) .jk-arscroll {
  flex: 1;
}
.jk-has-look .jk-arscroll {
  max-height: 44%;
  flex: none;
}
.jk-ar {
  display: grid;
  grid-template-columns: 28px minmax(120px, 1.1fr) minmax(140px, 1.5fr) 108px minmax(140px, 1.5fr) minmax(120px, 1.05fr);
  gap: 12px;
  align-items: center;
  padding: 0 12px;
  height: 48px;
  border-bottom: 1px solid var(--jk-hair);
  cursor: pointer;
  content-visibility: auto;
  contain-intrinsic-size: auto 48px;
}
.jk-ar:hover {
  background: var(--jk-fill);
}
.jk-ar.jk-on {
  background: var(--jk-accent-wash);
}
.jk-root .jk-ar:focus-visible,
.jk-root .jk-tk:focus-visible {
  outline-offset: -2px;
}
.jk-ar.jk-arhead {
  position: sticky;
  top: 0;
  z-index: 2;
  height: 32px;
  background: var(--jk-bg);
  border-bottom-color: var(--jk-line);
  font-size: var(--jk-f11);
  color: var(--jk-ink2);
  cursor: default;
  content-visibility: visible;
}
.jk-two {
  min-width: 0;
  line-height: 16px;
}
.jk-two > * {
  display: block;
}
.jk-two > .jk-row {
  display: flex;
}
.jk-armarks {
  display: inline-flex;
  gap: 4px;
  flex: none;
}
.jk-armarks .jk-i {
  color: var(--jk-ink2);
}
.jk-ar.jk-off :is(.jk-arname .jk-b, .jk-arwhen > :first-child, .jk-arnext, .jk-arlast) {
  color: var(--jk-ink2);
}
/* the switch: its place says what it is, its colour says it again */
.jk-root .jk-sw,
.jk-cellstrip .jk-sw {
  position: relative;
  flex: none;
  width: 28px;
  height: 16px;
  padding: 0;
  border: 0;
  border-radius: 8px;
  background: color-mix(in srgb, var(--jk-c0) 46%, var(--jk-bg));
  cursor: pointer;
}
.jk-sw::before {
  content: '';
  position: absolute;
  inset: -4px 0;
}
.jk-sw::after {
  content: '';
  position: absolute;
  left: 2px;
  top: 2px;
  width: 12px;
  height: 12px;
  border-radius: 50%;
  background: var(--jk-bg);
  transition: left 0.12s;
}
.jk-root .jk-sw[aria-checked='true'],
.jk-cellstrip .jk-sw[aria-checked='true'] {
  background: var(--jk-accent);
}
.jk-sw[aria-checked='true']::after {
  left: 14px;
}
.jk-day {
  position: relative;
  height: 20px;
}
.jk-day::after {
  content: '';
  position: absolute;
  inset: auto 0 0;
  height: 1px;
  background: var(--jk-line);
}
.jk-day svg {
  width: 100%;
  height: 20px;
}
.jk-d-r {
  fill: var(--jk-ok-soft);
}
.jk-d-s {
  fill: var(--jk-edge);
}
.jk-d-f {
  fill: var(--jk-fail);
}
.jk-d-m {
  fill: var(--jk-bg);
  stroke: var(--jk-ink2);
  vector-effect: non-scaling-stroke;
}
.jk-now {
  position: absolute;
  left: 96%;
  top: -14px;
  bottom: -14px;
  width: 1px;
  background: var(--jk-accent);
}
.jk-day i {
  position: absolute;
  bottom: 2px;
  width: 5px;
  height: 5px;
  border-radius: 50%;
  border: 1px solid var(--jk-ink2);
}
.jk-mid .jk-ar {
  grid-template-columns: 28px minmax(96px, 1.2fr) minmax(88px, 1fr) 84px minmax(96px, 1fr) minmax(104px, 1.1fr);
  gap: 8px;
}
.jk-mid .jk-long,
.jk-narrow .jk-long,
.jk-mid .jk-pin > .jk-mut,
.jk-narrow .jk-pin > .jk-mut,
.jk-narrow .jk-health > .jk-mut,
.jk-mid .jk-previewbox .jk-hint,
.jk-narrow .jk-previewbox .jk-hint,
.jk-narrow .jk-lookhead .jk-moving {
  display: none;
}
.jk-narrow .jk-arhead {
  display: none;
}
.jk-narrow .jk-ar {
  grid-template-columns: 28px minmax(0, 1fr) minmax(0, 0.8fr);
  grid-template-rows: 32px 20px;
  gap: 2px 8px;
  height: 64px;
  align-content: center;
  contain-intrinsic-size: auto 64px;
}
.jk-narrow :is(.jk-arwhen, .jk-ar .jk-arlast .jk-mut) {
  display: none;
}
.jk-narrow .jk-ar .jk-day {
  grid-area: 2 / 2;
}
.jk-narrow .jk-now {
  top: 0;
  bottom: 0;
}
.jk-narrow .jk-ar .jk-arlast {
  grid-area: 2 / 3;
}

/* what is open of one */
.jk-look {
  flex: 1;
  min-height: 0;
  display: flex;
  flex-direction: column;
  border-top: 1px solid var(--jk-line);
}
.jk-lookhead {
  flex: none;
  min-height: 40px;
  padding: 0 12px;
  flex-wrap: nowrap;
}
.jk-lookbody {
  flex: 1;
  min-height: 0;
  display: grid;
  grid-template-columns: minmax(0, 1fr) minmax(264px, 320px);
  overflow: auto;
}
.jk-lookmain {
  padding: 0 12px 12px;
  min-width: 0;
}
.jk-lookside {
  min-width: 0;
  border-left: 1px solid var(--jk-line);
}
.jk-lookside > .jk-sec:first-child {
  border-top: 0;
  padding-top: 0;
}
.jk-narrow .jk-lookbody {
  display: block;
}
.jk-narrow .jk-lookside {
  border-left: 0;
  border-top: 1px solid var(--jk-line);
  padding-top: 8px;
}
.jk-mid .jk-lookbody {
  grid-template-columns: minmax(0, 1fr) 232px;
}
.jk-previewbox .jk-field {
  width: 216px;
}
.jk-mid .jk-previewbox .jk-field,
.jk-narrow .jk-previewbox .jk-field {
  width: 152px;
}
.jk-lookhead .jk-btn,
.jk-previewbox .jk-btn {
  flex: none;
}
.jk-preview:not(:empty) {
  margin: 8px 0;
  padding: 8px;
  border-radius: 8px;
  background: var(--jk-fill);
  display: grid;
  gap: 4px;
}
.jk-preview > .jk-row {
  min-height: 24px;
}
.jk-preview .jk-log.jk-tail,
.jk-inside .jk-log.jk-tail {
  margin: 0;
  max-height: 200px;
  overflow: auto;
}
.jk-preview .jk-lg,
.jk-inside .jk-lg {
  padding: 0;
}
.jk-tickbar {
  min-height: 32px;
  margin-top: 8px;
  gap: 12px;
}
.jk-root .jk-tickbar .jk-lv {
  color: var(--jk-ink2);
}
.jk-root .jk-tickbar .jk-lv[aria-pressed='true'] {
  color: var(--jk-ink);
  font-weight: 600;
}
.jk-tk {
  display: grid;
  grid-template-columns: 14px minmax(60px, auto) minmax(0, 1fr) 56px minmax(0, 84px);
  gap: 12px;
  align-items: center;
  min-height: 28px;
  border-top: 1px solid var(--jk-hair);
  cursor: pointer;
}
.jk-tk:hover,
.jk-tk.jk-on {
  background: var(--jk-fill);
}
.jk-mid .jk-tk,
.jk-narrow .jk-tk {
  grid-template-columns: 14px auto minmax(0, 1fr) 48px;
  gap: 8px;
}
.jk-mid .jk-tkcursor,
.jk-narrow .jk-tkcursor {
  display: none;
}
.jk-inside {
  padding: 4px 0 12px 26px;
}
.jk-none {
  padding: 8px 0;
}
.jk-ticks > .jk-btn {
  margin-top: 8px;
}
.jk-times {
  display: grid;
  grid-template-columns: auto auto 1fr;
  gap: 4px 8px;
}
.jk-mid .jk-times {
  grid-template-columns: auto 1fr;
}
.jk-mid .jk-times > :nth-child(3n + 1) {
  grid-column: 1 / 3;
}
.jk-mid .jk-times > :nth-child(3n) {
  padding-bottom: 4px;
}
.jk-facts2 {
  display: grid;
  grid-template-columns: auto minmax(0, 1fr);
  gap: 4px 12px;
}
.jk-keys {
  display: grid;
  gap: 2px;
  justify-items: start;
}
.jk-keyline {
  display: grid;
  grid-template-columns: minmax(0, 1fr) auto auto;
  gap: 8px;
  align-items: center;
  width: 100%;
  min-height: 24px;
}
.jk-root .jk-small {
  height: 20px;
  padding: 0 6px;
}
.jk-pinned {
  flex: none;
  max-height: 30%;
  overflow: auto;
  padding: 8px 12px;
  border-top: 1px solid var(--jk-line);
}
.jk-pinline {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 28px;
  min-width: 0;
}
.jk-narrow .jk-pinline > .jk-mut {
  display: none;
}
@media (forced-colors: active) {
  .jk-day,
  .jk-sw {
    forced-color-adjust: none;
  }
  .jk-ar.jk-on {
    outline: 2px solid Highlight;
    outline-offset: -2px;
  }
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/base.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* The design language: roles from the theme's --jp-* values, named once; type, controls, menus. */
.jk-root,
.jk-cellstrip {
  --jk-c0: var(--jp-ui-font-color0, CanvasText);
  --jk-bg: var(--jp-layout-color1, Canvas);
  --jk-ink: var(--jp-ui-font-color1, CanvasText);
  --jk-ink2: color-mix(in srgb, var(--jk-c0) 60%, var(--jk-bg));
  --jk-faint: var(--jp-ui-font-color3, GrayText);
  --jk-line: var(--jp-border-color2, color-mix(in srgb, var(--jk-c0) 12%, var(--jk-bg)));
  --jk-hair: color-mix(in srgb, var(--jk-line) 60%, var(--jk-bg));
  --jk-edge: var(--jp-border-color1, color-mix(in srgb, var(--jk-c0) 26%, var(--jk-bg)));
  --jk-wire: color-mix(in srgb, var(--jk-c0) 42%, var(--jk-bg));
  --jk-fill: color-mix(in srgb, var(--jk-c0) 4%, var(--jk-bg));
  --jk-fill2: color-mix(in srgb, var(--jk-c0) 8%, var(--jk-bg));
  --jk-accent: var(--jp-brand-color1, Highlight);
  --jk-button: var(--jp-brand-color1, Highlight);
  --jk-ok: var(--jp-success-color1, CanvasText);
  --jk-fail: var(--jp-error-color1, CanvasText);
  --jk-warn: color-mix(in srgb, var(--jp-warn-color1, CanvasText) 86%, var(--jk-c0));
  --jk-run: var(--jp-brand-color1, Highlight);
  --jk-accent-ink: color-mix(in srgb, var(--jk-accent) 84%, var(--jk-c0));
  --jk-ok-ink: color-mix(in srgb, var(--jk-ok) 80%, var(--jk-c0));
  --jk-fail-ink: color-mix(in srgb, var(--jk-fail) 76%, var(--jk-c0));
  --jk-warn-ink: color-mix(in srgb, var(--jp-warn-color1, CanvasText) 66%, var(--jk-c0));
  --jk-accent-wash: color-mix(in srgb, var(--jk-accent) 10%, var(--jk-bg));
  --jk-ok-wash: color-mix(in srgb, var(--jk-ok) 14%, var(--jk-bg));
  --jk-fail-wash: color-mix(in srgb, var(--jk-fail) 9%, var(--jk-bg));
  --jk-warn-wash: color-mix(in srgb, var(--jk-warn) 12%, var(--jk-bg));
  --jk-ok-soft: color-mix(in srgb, var(--jk-ok) 52%, var(--jk-bg));
  --jk-stripe: color-mix(in srgb, var(--jk-run) 72%, var(--jk-bg));
  --jk-r: 4px;
  --jk-u: calc(var(--jp-ui-font-size1, 13px) / 13);
  --jk-f15: calc(var(--jk-u) * 15);
  --jk-f13: calc(var(--jk-u) * 13);
  --jk-f12: calc(var(--jk-u) * 12);
  --jk-f11: calc(var(--jk-u) * 11);
  --jk-sans: var(--jp-ui-font-family, system-ui, sans-serif);
  --jk-mono: var(--jp-code-font-family, ui-monospace, monospace);
  box-sizing: border-box;
  color: var(--jk-ink);
  font: var(--jk-f12) / 16px var(--jk-sans);
  font-variant-numeric: tabular-nums;
}
[data-jp-theme-light='false'] .jk-root {
  --jk-button: var(--jp-brand-color0, Highlight);
}
.jk-root *,
.jk-cellstrip * {
  box-sizing: border-box;
}
.jk-root [hidden] {
  display: none !important;
}
.jk-root {
  position: relative;
  display: flex;
  flex-direction: column;
  height: calc(var(--jk-height, 360px) + 86px);
  min-height: 180px;
  background: var(--jk-bg);
  border: 1px solid var(--jk-line);
  border-radius: var(--jk-r);
  overflow: hidden;
  resize: vertical;
  text-align: left;
}
.jk-root.jk-fills {
  height: 100%;
  border: 0;
  border-radius: 0;
  resize: none;
}
.jk-tab-host {
  height: 100%;
  overflow: hidden;
}
.jk-gone .jk-spin,
.jk-gone .jk-prog i {
  animation: none;
}
.jk-body {
  flex: 1;
  min-height: 0;
  display: flex;
  flex-direction: column;
  transition: opacity 0.2s;
}
.jk-gone .jk-body {
  opacity: 0.5;
}
.jk-said {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}

/* words */
.jk-root svg,
.jk-cellstrip svg {
  display: block;
  flex: none;
}
.jk-root b {
  font-weight: 600;
}
.jk-root code {
  font: var(--jk-f11) / 16px var(--jk-mono);
  color: inherit;
  background: none;
  padding: 0;
}
.jk-root code.jk-mut {
  color: var(--jk-ink2);
}
.jk-num {
  text-align: right;
}
.jk-mut {
  color: var(--jk-ink2);
}
.jk-b {
  font-weight: 600;
}
.jk-w4 {
  font-weight: 400;
}
.jk-row {
  display: flex;
  align-items: center;
  gap: 8px;
  min-width: 0;
}
.jk-gap6 {
  gap: 6px;
}
.jk-grow {
  flex: 1;
  min-width: 0;
}
.jk-cut {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  min-width: 0;
}
.jk-nw {
  white-space: nowrap;
}
.jk-wrap {
  overflow-wrap: anywhere;
}
.jk-pre {
  white-space: pre-line;
}
.jk-h {
  font-size: var(--jk-f13);
  font-weight: 600;
  line-height: 20px;
}
.jk-title {
  font-size: var(--jk-f15);
  line-height: 20px;
  font-weight: 600;
}
.jk-t-fail {
  color: var(--jk-fail-ink);
}
.jk-t-warn {
  color: var(--jk-warn-ink);
}
.jk-t-run {
  color: var(--jk-accent-ink);
}

/* glyphs: shape first, colour second */
.jk-g-fresh {
  color: var(--jk-ok);
}
.jk-g-failed {
  color: var(--jk-fail);
}
.jk-g-running {
  color: var(--jk-run);
}
.jk-g-stale,
.jk-g-warning,
.jk-g-retry {
  color: var(--jk-warn);
}
.jk-g-partly {
  color: var(--jk-ink2);
}
.jk-g-half {
  color: var(--jk-ok);
}
.jk-g-never,
.jk-g-queued,
.jk-g-canceled,
.jk-g-skipped,
.jk-g-missed {
  color: var(--jk-ink2);
}
.jk-g-edited {
  color: var(--jk-accent);
}
.jk-spin {
  transform-origin: 8px 8px;
  animation: jk-spin 1.1s linear infinite;
}
@keyframes jk-spin {
  to {
    transform: rotate(360deg);
  }
}
@keyframes jk-slide {
  to {
    background-position: 16px 0;
  }
}
@keyframes jk-breathe {
  50% {
    opacity: 0.5;
  }
}
.jk-i {
  color: var(--jk-ink2);
}
.jk-prog {
  height: 4px;
  border-radius: 2px;
  background: var(--jk-fill2);
  overflow: hidden;
  width: 100%;
}
.jk-prog i {
  display: block;
  height: 100%;
  border-radius: 2px;
  background: repeating-linear-gradient(-45deg, var(--jk-run) 0 6px, var(--jk-stripe) 6px 11.3px);
  background-size: 16px 100%;
  animation: jk-slide 1s linear infinite;
}

/* controls: 28 px high, 24 px when dense */
.jk-root button,
.jk-cellstrip button,
.jk-root input {
  font: inherit;
  color: inherit;
  margin: 0;
}
.jk-btn {
  height: 28px;
  padding: 0 12px;
  border: 1px solid var(--jk-edge);
  border-radius: var(--jk-r);
  background: transparent;
  display: inline-flex;
  align-items: center;
  gap: 6px;
  white-space: nowrap;
  cursor: pointer;
  min-width: 0;
}
.jk-root .jk-btn,
.jk-cellstrip .jk-btn {
  font-weight: 500;
}
.jk-btn:hover {
  background: var(--jk-fill2);
}
.jk-btn.sm {
  height: 24px;
  padding: 0 8px;
}
.jk-btn.ghost {
  border-color: transparent;
}
.jk-btn.pri {
  background: var(--jk-button);
  border-color: transparent;
}
.jk-root .jk-btn.pri,
.jk-btn.pri .jk-i {
  color: var(--jp-ui-inverse-font-color0, #fff);
  color: #fff;
}
.jk-btn.pri:hover {
  background: color-mix(in srgb, var(--jk-button) 88%, var(--jk-c0));
}
.jk-split {
  display: inline-flex;
  min-width: 0;
}
.jk-split .jk-btn:first-child {
  border-radius: var(--jk-r) 0 0 var(--jk-r);
}
.jk-split .jk-half {
  flex: none;
  padding: 0 4px;
  border-radius: 0 var(--jk-r) var(--jk-r) 0;
  border-left: 0;
}
.jk-split .jk-half.pri {
  border-left: 1px solid color-mix(in srgb, #fff 35%, transparent);
}
.jk-ib {
  width: 28px;
  height: 28px;
  border: 0;
  border-radius: var(--jk-r);
  background: none;
  display: inline-grid;
  place-items: center;
  cursor: pointer;
  padding: 0;
  flex: none;
}
.jk-ib.sm {
  width: 24px;
  height: 24px;
}
.jk-ib:hover,
.jk-chip:hover {
  background: var(--jk-fill2);
}
.jk-link {
  border: 0;
  padding: 0;
  background: none;
  cursor: pointer;
  max-width: 100%;
}
.jk-root .jk-link,
.jk-cellstrip .jk-link,
.jk-root a {
  color: var(--jk-accent-ink);
  text-decoration: none;
}
.jk-root .jk-link.jk-mut,
.jk-cellstrip .jk-link.jk-mut {
  color: var(--jk-ink2);
}
.jk-link:hover,
.jk-root a:hover {
  text-decoration: underline;
}
.jk-root :focus-visible,
.jk-cellstrip :focus-visible {
  outline: 2px solid var(--jk-accent);
  outline-offset: 1px;
}
.jk-field {
  height: 28px;
  border: 1px solid var(--jk-edge);
  border-radius: var(--jk-r);
  background: var(--jk-bg);
  padding: 0 8px;
  display: flex;
  align-items: center;
  gap: 6px;
  min-width: 0;
  text-align: left;
}
.jk-field:focus-within {
  border-color: var(--jk-accent);
  box-shadow: 0 0 0 1px var(--jk-accent);
}
.jk-field.jk-bad {
  border-color: var(--jk-fail);
}
.jk-field .jk-ib.sm {
  width: 20px;
  height: 20px;
  margin-right: -4px;
}
.jk-drop {
  width: 136px;
  cursor: pointer;
}
.jk-root .jk-input {
  flex: 1 1 60px;
  min-width: 0;
  width: 60px;
  height: 26px;
  border: 0;
  padding: 0;
  text-overflow: ellipsis;
  background: none;
  box-shadow: none;
  color: var(--jk-ink);
}
.jk-root .jk-input:focus {
  outline: none;
}
.jk-root .jk-input::placeholder {
  color: var(--jk-ink2);
  opacity: 1;
  text-overflow: ellipsis;
}
.jk-root kbd {
  font: var(--jk-f11) / 16px var(--jk-sans);
  color: var(--jk-ink2);
  background: none;
  border: 1px solid var(--jk-line);
  border-radius: 3px;
  padding: 0 4px;
  box-shadow: none;
}
.jk-root .jk-tok {
  background: var(--jk-fill2);
  border-radius: 3px;
  padding: 0 8px;
  font-size: var(--jk-f12);
  line-height: 24px;
}
.jk-tag {
  font-size: var(--jk-f11);
  line-height: 16px;
  padding: 0 4px;
  border-radius: 3px;
  background: var(--jk-fill2);
  max-width: 100%;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.jk-tags {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  margin-top: 4px;
}
.jk-chip {
  height: 24px;
  display: inline-flex;
  align-items: center;
  gap: 6px;
  padding: 0 8px;
  border: 0;
  border-radius: 12px;
  background: var(--jk-fill);
  cursor: pointer;
}
.jk-chip b {
  color: var(--jk-accent-ink);
}

/* the two rows above */
.jk-top {
  flex: none;
  height: 41px;
  display: flex;
  align-items: center;
  padding: 0 8px 0 12px;
  gap: 12px;
  border-bottom: 1px solid var(--jk-line);
}
.jk-tabs {
  display: flex;
  gap: 16px;
  align-self: stretch;
}
.jk-tab {
  border: 0;
  border-top: 2px solid transparent;
  border-bottom: 2px solid transparent;
  background: none;
  padding: 0;
  cursor: pointer;
}
.jk-root .jk-tab {
  font-size: var(--jk-f13);
  color: var(--jk-ink2);
}
.jk-root .jk-tab.jk-on {
  color: var(--jk-ink);
  font-weight: 600;
  border-bottom-color: var(--jk-accent);
}
.jk-sum,
.jk-queue {
  display: flex;
  gap: 2px;
  white-space: nowrap;
  min-width: 0;
  overflow: hidden;
}
.jk-count {
  height: 24px;
  display: inline-flex;
  gap: 4px;
  align-items: center;
  border: 0;
  border-radius: var(--jk-r);
  background: none;
  padding: 0 5px;
  cursor: pointer;
}
.jk-count:hover {
  background: var(--jk-fill2);
}
.jk-narrow .jk-queue span {
  display: none;
}
.jk-count[aria-pressed='true'] {
  background: var(--jk-accent-wash);
}
.jk-narrow .jk-word,
.jk-mid .jk-word {
  display: none;
}
.jk-narrow .jk-tabs {
  gap: 12px;
}
.jk-bar {
  flex: none;
  height: 45px;
  display: flex;
  align-items: center;
  gap: 8px;
  padding: 0 12px;
  border-bottom: 1px solid var(--jk-line);
}
.jk-slot {
  display: inline-flex;
  gap: 8px;
  min-width: 0;
  flex: none;
}
.jk-slot:empty {
  display: none;
}
.jk-bar .jk-slot > .jk-tok {
  display: block;
  max-width: 280px;
}
.jk-narrow .jk-bar .jk-slot > .jk-tok {
  max-width: 132px;
}
.jk-narrow .jk-bar kbd,
.jk-narrow .jk-stop span {
  display: none;
}
.jk-drop > .jk-i:first-child {
  display: none;
}
.jk-narrow .jk-slot .jk-drop {
  width: 28px;
  padding: 0;
  justify-content: center;
}
.jk-narrow .jk-slot .jk-drop > :not(:first-child) {
  display: none;
}
.jk-narrow .jk-slot .jk-drop > .jk-i:first-child {
  display: block;
}
.jk-narrow .pri .jk-verb {
  display: none;
}
.jk-narrow .jk-btn {
  padding: 0 8px;
}
.jk-narrow .jk-half {
  padding: 0 4px;
}
.jk-narrow .jk-bar .pri .jk-cut {
  max-width: 128px;
}

/* menus and strips */
.jk-menu {
  position: absolute;
  min-width: 200px;
  max-width: min(360px, calc(100% - 8px));
  overflow: auto;
  background: var(--jk-bg);
  border: 1px solid var(--jk-line);
  border-radius: var(--jk-r);
  box-shadow: var(--jp-elevation-z6, 0 4px 12px rgb(0 0 0 / 20%));
  padding: 4px 0;
  z-index: 9;
}
.jk-mi {
  display: flex;
  gap: 12px;
  align-items: baseline;
  padding: 4px 12px;
  min-height: 24px;
  cursor: pointer;
}
.jk-mi:hover,
.jk-root .jk-mi:focus {
  background: var(--jk-accent-wash);
  outline: none;
}
.jk-mi[aria-disabled] {
  color: var(--jk-faint);
  cursor: default;
}
.jk-mi small {
  display: block;
  font-size: var(--jk-f11);
  color: var(--jk-ink2);
}
.jk-tick {
  width: 14px;
  align-self: center;
  margin-right: -4px;
}
.jk-note {
  color: var(--jk-ink2);
  white-space: nowrap;
}
.jk-menu hr {
  border: 0;
  border-top: 1px solid var(--jk-line);
  margin: 4px 0;
}
.jk-banner {
  min-height: 32px;
  display: flex;
  align-items: center;
  gap: 8px;
  padding: 4px 12px;
  background: var(--jk-fill);
  border-bottom: 1px solid var(--jk-line);
}
.jk-state {
  flex: 1;
  min-height: 116px;
  display: flex;
  flex-direction: column;
  align-items: flex-start;
  justify-content: center;
  gap: 8px;
  padding: 24px;
}
.jk-state > * {
  max-width: 100%;
}
.jk-skel {
  padding: 24px 12px;
  display: grid;
  gap: 12px;
  max-width: 320px;
}
.jk-skel i {
  height: 8px;
  border-radius: 2px;
  background: var(--jk-fill2);
  animation: jk-breathe 1.6s ease-in-out infinite;
}
@media (prefers-reduced-motion: reduce) {
  .jk-root *,
  .jk-cellstrip * {
    animation: none !important;
    transition: none !important;
  }
}
@media (forced-colors: active) {
  .jk-g,
  .jk-prog i,
  .jk-strip i,
  .jk-lane i,
  .jk-spark,
  .jk-mini,
  .jk-sheet {
    forced-color-adjust: none;
  }
  .jk-group {
    outline: 1px solid ButtonBorder;
  }
  .jk-card.jk-sel,
  .jk-arow.jk-on,
  .jk-gr.jk-on,
  .jk-mi:focus,
  .jk-lg.jk-e,
  .jk-hit {
    outline: 2px solid Highlight;
    outline-offset: -2px;
  }
  .jk-tab {
    border-color: Canvas;
  }
  .jk-root .jk-tab.jk-on {
    border-bottom-color: Highlight;
  }
  .jk-btn.pri .jk-i {
    color: ButtonText;
  }
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/conditions.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* why an asset makes itself or does not */
.jk-condfacts {
  margin: 2px 0 6px;
}
.jk-cond,
.jk-cond ul {
  list-style: none;
  margin: 0;
  padding: 0;
}
.jk-cond ul {
  margin-left: 7px;
  padding-left: 13px;
  border-left: 1px solid var(--jk-hair);
}
.jk-condline {
  display: flex;
  align-items: center;
  gap: 6px;
  min-height: 24px;
  min-width: 0;
  white-space: nowrap;
}
.jk-condline .jk-g {
  flex: none;
}
.jk-condname {
  overflow: hidden;
  text-overflow: ellipsis;
}
.jk-condgap {
  flex: none;
  width: 8px;
}
.jk-cond summary,
.jk-condone summary {
  cursor: pointer;
  list-style: none;
}
.jk-cond summary::before,
.jk-condone > summary::before {
  content: '';
  flex: none;
  width: 4px;
  height: 4px;
  margin: 0 2px;
  border: solid var(--jk-ink2);
  border-width: 0 1.25px 1.25px 0;
  transform: rotate(-45deg);
}
.jk-cond details[open] > summary::before,
.jk-condone[open] > summary::before {
  transform: translateY(-1px) rotate(45deg);
}
.jk-g-unmet,
.jk-g-some {
  color: var(--jk-ink2);
}
.jk-c-moot > .jk-condline,
.jk-c-moot > details > summary {
  color: var(--jk-ink2);
}
.jk-condone {
  border-bottom: 1px solid var(--jk-hair);
}
.jk-condone > summary {
  min-height: 28px;
}
.jk-condbody {
  padding: 2px 0 10px 16px;
}
.jk-condone[open] > summary .jk-condwhy {
  display: none;
}
.jk-condline > .jk-mut {
  overflow: hidden;
  text-overflow: ellipsis;
}
.jk-lookmain .jk-sec {
  padding-left: 0;
  padding-right: 0;
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/graph.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* The graph and its list. */
.jk-split-v {
  flex: 1;
  min-height: 0;
  display: flex;
  position: relative;
}
.jk-stage {
  flex: 1;
  min-width: 0;
  min-height: 0;
  display: flex;
  position: relative;
}
.jk-canvas {
  position: relative;
  overflow: hidden;
  flex: 1;
  min-width: 0;
  cursor: grab;
  touch-action: none;
  user-select: none;
}
.jk-canvas.jk-dragging {
  cursor: grabbing;
}
.jk-world {
  position: absolute;
  left: 0;
  top: 0;
  width: 0;
  height: 0;
  transform-origin: 0 0;
}
.jk-moving :is(.jk-world, .jk-sheet) {
  will-change: transform;
}
.jk-sheet {
  position: absolute;
  pointer-events: none;
}
.jk-probe {
  position: absolute;
  visibility: hidden;
}
.jk-group {
  position: absolute;
  border-radius: 8px;
  background: var(--jk-fill);
}
.jk-gl {
  position: absolute;
  left: 4px;
  top: 2px;
  max-width: calc(100% - 8px);
  height: 20px;
  border: 0;
  border-radius: var(--jk-r);
  padding: 0 4px;
  background: none;
  display: flex;
  gap: 4px;
  align-items: center;
  cursor: pointer;
}
.jk-root .jk-gl {
  font-size: var(--jk-f11);
  color: var(--jk-ink2);
}
.jk-gl:hover {
  background: var(--jk-fill2);
}
.jk-card {
  position: absolute;
  padding: 5px 7px 0;
  background: var(--jk-bg);
  border: 1px solid var(--jk-edge);
  border-radius: var(--jk-r);
  cursor: pointer;
  contain: layout style;
}
.jk-n {
  display: flex;
  gap: 6px;
  align-items: center;
  height: 16px;
}
.jk-card .jk-n b {
  font-size: var(--jk-f12);
  letter-spacing: -0.006em;
}
.jk-m {
  display: flex;
  gap: 8px;
  align-items: center;
  height: 16px;
  margin-top: 2px;
  font-size: var(--jk-f11);
  color: var(--jk-ink2);
  white-space: nowrap;
}
.jk-m > .jk-cut {
  flex: 0 1 auto;
  min-width: 12px;
}
.jk-checks:empty {
  display: none;
}
.jk-m .jk-age {
  margin-left: auto;
  display: inline-flex;
  gap: 4px;
  align-items: center;
}
.jk-ft {
  position: absolute;
  left: 7px;
  right: 7px;
  bottom: 5px;
  height: 4px;
}
.jk-card.jk-failed {
  border-color: var(--jk-fail);
}
.jk-card.jk-running {
  border-color: var(--jk-accent);
}
.jk-card.jk-never {
  border-style: dashed;
}
.jk-card.jk-never .jk-n b,
.jk-card.jk-external .jk-n b {
  font-weight: 500;
}
.jk-card.jk-external {
  background: var(--jk-fill);
}
.jk-card.jk-dim > * {
  opacity: 0.42;
}
.jk-card.jk-dim {
  border-color: color-mix(in srgb, var(--jk-edge) 42%, var(--jk-bg));
}
.jk-card.jk-pile {
  background: var(--jk-fill);
  box-shadow:
    3px 3px 0 -1px var(--jk-bg),
    3px 3px 0 0 var(--jk-edge);
}
.jk-card.jk-pile.jk-failed {
  box-shadow:
    3px 3px 0 -1px var(--jk-bg),
    3px 3px 0 0 var(--jk-fail);
}
.jk-card.jk-sel {
  border-style: solid;
  border-color: var(--jk-accent);
  box-shadow:
    0 0 0 1px var(--jk-accent),
    0 0 0 4px color-mix(in srgb, var(--jk-accent) 22%, transparent);
}
.jk-root .jk-card:focus-visible {
  outline: 2px solid var(--jk-accent);
  outline-offset: 3px;
}
/* small: glyph and name only, large enough to read; smaller still: blocks on the canvas */
.jk-far .jk-m,
.jk-far .jk-ft {
  display: none;
}
.jk-far .jk-n {
  height: 44px;
  gap: 8px;
}
.jk-far .jk-card .jk-n b {
  font-size: calc(var(--jk-u) * 19);
  line-height: 24px;
}
.jk-far .jk-n svg {
  width: 22px !important;
  height: 22px !important;
}
.jk-far .jk-gl b {
  font-size: calc(var(--jk-u) * 18);
}
.jk-blocks .jk-card {
  opacity: 0;
}
.jk-blocks .jk-card:focus-visible {
  opacity: 1;
}
.jk-float {
  position: absolute;
  right: 12px;
  bottom: 12px;
  display: flex;
  background: var(--jk-bg);
  border: 1px solid var(--jk-line);
  border-radius: var(--jk-r);
}
.jk-mini {
  position: absolute;
  left: 12px;
  bottom: 12px;
  outline: 1px solid var(--jk-line);
  border-radius: 2px;
  background: var(--jk-bg);
  overflow: hidden;
  cursor: pointer;
}
.jk-mini canvas {
  display: block;
  width: 100%;
  height: 100%;
}
.jk-mini i {
  position: absolute;
  left: 0;
  top: 0;
  border: 1.5px solid var(--jk-accent);
  background: color-mix(in srgb, var(--jk-accent) 10%, transparent);
}
.jk-rest {
  position: absolute;
  left: 96px;
  bottom: 16px;
  color: var(--jk-ink2);
  pointer-events: none;
}
.jk-mini[hidden] ~ .jk-rest,
.jk-rest:has(+ .jk-mini[hidden]) {
  left: 12px;
}
.jk-tip {
  position: absolute;
  left: 0;
  top: 0;
  max-width: 320px;
  padding: 4px 8px;
  border: 1px solid var(--jk-line);
  border-radius: var(--jk-r);
  background: var(--jk-bg);
  box-shadow: var(--jp-elevation-z6, 0 4px 12px rgb(0 0 0 / 20%));
  pointer-events: none;
  z-index: 3;
  overflow-wrap: anywhere;
}

/* list with arcs */
.jk-list {
  flex: 1;
  overflow: auto;
  position: relative;
}
.jk-rows {
  position: relative;
}
.jk-arow {
  position: absolute;
  left: 0;
  right: 0;
  display: grid;
  grid-template-columns: 56px 14px minmax(80px, 1fr) minmax(0, auto) 52px;
  gap: 8px;
  align-items: center;
  padding-right: 12px;
  cursor: pointer;
}
.jk-arow:hover {
  background: var(--jk-fill);
}
.jk-arow.jk-on {
  background: var(--jk-accent-wash);
}
.jk-arow.jk-dim > * {
  opacity: 0.42;
}
.jk-root .jk-arow:focus-visible {
  outline-offset: -2px;
}
.jk-arow .jk-name {
  font-weight: 500;
}
.jk-arow.jk-on .jk-name {
  font-weight: 600;
}
.jk-arow .jk-age {
  text-align: right;
  color: var(--jk-ink2);
}
.jk-ahead {
  position: absolute;
  left: 64px;
  line-height: 28px;
  font-size: var(--jk-f11);
  font-weight: 600;
  color: var(--jk-ink2);
}
.jk-root .jk-arcs {
  position: absolute;
  left: 0;
  top: 0;
  width: 64px;
  height: 100%;
  z-index: 1;
  pointer-events: none;
}
.jk-arcs path {
  fill: none;
  stroke: var(--jk-wire);
  stroke-width: 1.25;
}
.jk-arcs .jk-inf {
  stroke-dasharray: 4 3;
}
.jk-arcs .jk-hot {
  stroke: var(--jk-accent);
  stroke-width: 1.75;
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/index.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=o.n(t),k=o("./node_modules/css-loader/dist/cjs.js!./style/screen.css"),s=o("./node_modules/css-loader/dist/cjs.js!./style/lab.css"),l=n()(a());l.i(k.A),l.i(s.A),l.push([r.id,`
`,""]),o.d(e,{},{A:l})},"./node_modules/css-loader/dist/cjs.js!./style/lab.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* In JupyterLab: the line in a cell's header slot. */
.jp-Cell-header:has(> .jk-cellstrip),
.jp-CellHeader:has(> .jk-cellstrip) {
  height: auto;
}
.jk-cellstrip {
  height: 24px;
  margin: 0 0 2px calc(var(--jp-cell-prompt-width, 64px) + var(--jp-cell-collapser-width, 8px));
  padding: 0 0 0 8px;
  display: flex;
  align-items: center;
  gap: 8px;
  white-space: nowrap;
}
.jk-btn.jk-mini-btn {
  height: 20px;
  padding: 0 8px;
  flex: none;
}
.jk-cellstrip .jk-sw {
  margin-right: 2px;
}
.jk-cellstrip .jk-btn.jk-mini-btn {
  min-height: 0;
}

/* The output of %jk and %graph without its kernel. */
.jk-root.jk-still {
  height: auto;
  min-height: 0;
  resize: none;
}
.jk-still-picture {
  display: block;
  align-self: flex-start;
  margin: 12px;
  max-width: calc(100% - 24px);
}
.jk-output > .jk-still-picture {
  margin: 0;
  max-width: 100%;
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/pane.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* The details pane: code, tables, diffs, errors. */
.jk-pane {
  width: 288px;
  flex: none;
  border-left: 1px solid var(--jk-line);
  overflow: auto;
  overscroll-behavior: contain;
}
.jk-mid .jk-pane {
  width: 264px;
}
.jk-narrow .jk-split-v {
  flex-direction: column;
}
.jk-narrow .jk-pane {
  width: auto;
  flex: none;
  max-height: 50%;
  border: 0;
  border-top: 1px solid var(--jk-line);
}
.jk-narrow .jk-pane.jk-tall {
  height: 100%;
  max-height: 100%;
}
.jk-narrow .jk-pane:not(.jk-tall) :is(.jk-about, .jk-sec ~ .jk-sec) {
  display: none;
}
.jk-root:not(.jk-narrow) .jk-taller {
  display: none;
}
.jk-phead {
  padding: 12px 8px 12px 12px;
}
.jk-acts {
  display: flex;
  gap: 8px;
  margin-top: 12px;
}
.jk-sec {
  padding: 8px 12px 12px;
  border-top: 1px solid var(--jk-line);
}
.jk-h2 {
  display: flex;
  justify-content: space-between;
  gap: 8px;
  margin-bottom: 4px;
  font-size: var(--jk-f11);
  font-weight: 600;
  color: var(--jk-ink2);
}
.jk-why {
  margin-top: 8px;
}
.jk-why .jk-diff {
  margin-top: 4px;
}
.jk-diff,
.jk-root .jk-code,
.jk-root .jk-text {
  margin: 0;
  border: 0;
  border-radius: var(--jk-r);
  background: var(--jk-fill);
  color: var(--jk-ink);
  padding: 4px 0;
  overflow: auto;
  font: var(--jk-f11) / 16px var(--jk-mono);
}
.jk-root .jk-text,
.jk-root pre.jk-code {
  padding: 4px 8px;
  white-space: pre;
  max-height: 320px;
}
.jk-diff div {
  padding: 0 8px;
  white-space: pre;
  width: max-content;
  min-width: 100%;
}
.jk-del {
  background: var(--jk-fail-wash);
}
.jk-add {
  background: var(--jk-ok-wash);
}
.jk-del::before {
  content: '− ';
  color: var(--jk-fail-ink);
}
.jk-add::before {
  content: '+ ';
  color: var(--jk-ok-ink);
}
.jk-same::before {
  content: '  ';
}
.jk-k {
  color: var(--jp-mirror-editor-keyword-color);
  font-weight: 600;
}
.jk-s {
  color: var(--jp-mirror-editor-string-color);
}
.jk-c {
  color: var(--jp-mirror-editor-comment-color);
  font-style: italic;
}
.jk-nu {
  color: var(--jp-mirror-editor-number-color);
}
.jk-mg {
  color: var(--jp-mirror-editor-meta-color, var(--jp-mirror-editor-operator-color));
}
.jk-scroll {
  overflow: auto;
  max-height: 240px;
}
.jk-root table.jk-data {
  border-collapse: collapse;
  width: 100%;
  margin: 0;
  border: 0;
  font-size: var(--jk-f11);
}
.jk-root .jk-data tr {
  background: none;
}
.jk-root .jk-data th {
  position: sticky;
  top: 0;
  height: 20px;
  padding: 0 8px;
  background: var(--jk-bg);
  box-shadow: inset 0 -1px var(--jk-line);
  font: 500 var(--jk-f11) / 16px var(--jk-sans);
  color: var(--jk-ink2);
  text-align: left;
  white-space: nowrap;
}
.jk-root .jk-data td {
  height: 18px;
  padding: 0 8px;
  border: 0;
  font: var(--jk-f11) / 16px var(--jk-mono);
  text-align: left;
  white-space: nowrap;
  max-width: 180px;
  overflow: hidden;
  text-overflow: ellipsis;
}
.jk-root .jk-data .num {
  text-align: right;
}
.jk-root .jk-data td.jk-label {
  color: var(--jk-ink2);
}
.jk-leftout {
  padding-top: 4px;
}
.jk-root .jk-data :is(td, th):first-child {
  padding-left: 0;
}
.jk-root .jk-data :is(td, th):last-child {
  padding-right: 0;
}
.jk-picture {
  display: block;
  max-width: 100%;
  border-radius: var(--jk-r);
  background: #fff;
}
.jk-meta {
  display: grid;
  grid-template-columns: minmax(0, 1fr) 72px 84px;
  gap: 4px 8px;
  align-items: center;
}
.jk-meta > :first-child,
.jk-value + .jk-cut {
  grid-column: 1;
}
.jk-value {
  display: flex;
  justify-content: flex-end;
  min-width: 0;
}
.jk-value.jk-wide {
  grid-column: 2 / 4;
}
.jk-value .jk-fold {
  min-width: 0;
  max-width: 100%;
}
.jk-value .jk-fold[open] {
  width: 100%;
}
.jk-spark polyline {
  fill: none;
  stroke: var(--jk-ink2);
  stroke-width: 1.25;
  stroke-linejoin: round;
}
.jk-spark circle {
  fill: var(--jk-accent);
}
.jk-checklist {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 12px;
}
.jk-check {
  display: inline-flex;
  gap: 4px;
  align-items: center;
  max-width: 100%;
  overflow-wrap: anywhere;
}
.jk-mats {
  display: grid;
  grid-template-columns: 14px 1fr auto auto;
  gap: 4px 12px;
  align-items: center;
  justify-items: start;
}
.jk-mats .jk-num {
  justify-self: end;
}
.jk-mats > svg {
  margin-right: -4px;
}
.jk-fold summary {
  cursor: pointer;
  line-height: 20px;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.jk-fold > div {
  margin-top: 4px;
}
.jk-error {
  display: grid;
  gap: 8px;
  min-width: 0;
}
.jk-error > .jk-row {
  flex-wrap: wrap;
}
.jk-error > * {
  min-width: 0;
}
.jk-frame .jk-mut {
  font-size: var(--jk-f11);
  margin-bottom: 4px;
  overflow-wrap: anywhere;
}
.jk-frame .jk-code div {
  white-space: pre;
  padding: 0 8px;
  border-left: 2px solid transparent;
  width: max-content;
  min-width: 100%;
  line-height: 18px;
}
.jk-frame .jk-hit {
  background: var(--jk-fail-wash);
  border-left-color: var(--jk-fail) !important;
}
.jk-ln {
  display: inline-block;
  min-width: 24px;
  padding-right: 12px;
  text-align: right;
  color: var(--jk-ink2);
}

/* a long message: its beginning, then all of it in a box of its own */
.jk-message {
  min-width: 0;
  overflow-wrap: anywhere;
  white-space: pre-wrap;
}
.jk-message .jk-btn {
  font-weight: 400;
}
.jk-allofit {
  display: block;
  max-height: 320px;
  overflow: auto;
  font-weight: 400;
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/partitions.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* the bar of an asset's partitions, and their list in the details */
.jk-parts {
  display: block;
  width: 100%;
  height: 8px;
}
.jk-ft .jk-parts {
  margin-top: -4px;
}
.jk-partbox .jk-parts {
  height: 16px;
}
.jk-part-fresh {
  fill: var(--jk-ok-soft);
}
.jk-part-stale {
  fill: var(--jk-warn);
}
.jk-part-failed {
  fill: var(--jk-fail);
}
.jk-part-running {
  fill: var(--jk-run);
}
.jk-part-never {
  fill: var(--jk-ink2);
}
.jk-partfind {
  margin: 8px 0 4px;
  gap: 8px;
}
.jk-partfind input {
  flex: 1;
  min-width: 0;
}
.jk-partlist {
  max-height: 240px;
  overflow: auto;
}
.jk-partrow {
  display: grid;
  grid-template-columns: 14px 1fr auto 48px;
  gap: 8px;
  align-items: center;
  height: 24px;
}
.jk-partrow .jk-age {
  text-align: right;
}
@media (forced-colors: active) {
  .jk-parts {
    forced-color-adjust: none;
  }
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/runs.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=(o.n(t))()(a());n.push([r.id,`/* Runs: the list, one run, its steps and its log. */
.jk-runs,
.jk-run {
  flex: 1;
  min-height: 0;
  display: flex;
  flex-direction: column;
}
.jk-run {
  overflow: auto;
}
.jk-table {
  flex: 1;
  min-height: 0;
  overflow: auto;
  padding: 0 12px;
}
.jk-rr {
  display: grid;
  grid-template-columns: 14px minmax(120px, 3fr) 64px minmax(72px, 4fr) minmax(72px, 140px) 88px 56px 24px;
  gap: 12px;
  height: 32px;
  align-items: center;
  border-bottom: 1px solid var(--jk-hair);
  cursor: pointer;
}
.jk-rr:hover {
  background: var(--jk-fill);
}
.jk-root .jk-rr:focus-visible,
.jk-root .jk-gr:focus-visible {
  outline-offset: -2px;
}
.jk-when {
  color: var(--jk-ink2);
  white-space: nowrap;
}
.jk-took {
  white-space: nowrap;
}
.jk-mid .jk-rr {
  grid-template-columns: 14px minmax(96px, 2fr) 64px minmax(48px, 1fr) 96px 80px 56px 24px;
  gap: 8px;
}
.jk-rr.jk-waits .jk-by {
  grid-column: 4 / 6;
}
.jk-marks {
  margin-left: 8px;
}
.jk-under .jk-job {
  padding-left: 16px;
}
.jk-under .jk-job .jk-g {
  display: inline-block;
  margin-right: 6px;
  vertical-align: -2px;
  color: var(--jk-ink2);
}
.jk-narrow .jk-rr {
  grid-template-columns: 14px minmax(0, 1fr) auto auto 24px;
  grid-template-rows: 16px 16px;
  gap: 2px 8px;
  height: 48px;
  align-content: center;
}
.jk-narrow .jk-rr code {
  display: none;
}
.jk-narrow .jk-rr .jk-by {
  grid-area: 2 / 2;
}
.jk-narrow .jk-rr.jk-waits .jk-by {
  grid-area: 2 / 2 / 3 / 5;
}
.jk-narrow .jk-rr > :last-child {
  grid-area: 1 / 5 / 3 / 6;
  align-self: center;
}
.jk-narrow .jk-rr .jk-strip {
  grid-area: 2 / 3 / 3 / 5;
  justify-content: flex-end;
}
.jk-narrow .jk-rr .jk-when {
  grid-area: 1 / 3;
}
.jk-narrow .jk-rr .jk-took {
  grid-area: 1 / 4;
  min-width: 48px;
}
.jk-strip {
  display: flex;
  gap: 2px;
  align-items: center;
  height: 18px;
  min-width: 0;
  overflow: hidden;
}
.jk-strip i {
  flex: 0 1 6px;
  min-width: 2px;
  height: 12px;
  border-radius: 1px;
  border: 1px dotted var(--jk-edge);
}
.jk-strip .jk-x-fresh {
  border: 0;
  background: var(--jk-ok-soft);
}
.jk-strip .jk-x-failed {
  border: 0;
  height: 18px;
  background: var(--jk-fail);
}
.jk-strip .jk-x-running {
  border: 0;
  background: var(--jk-run);
}
.jk-strip .jk-x-skipped {
  border: 0;
  height: 2px;
  background: var(--jk-edge);
}
.jk-strip .jk-x-canceled {
  border: 1px solid var(--jk-ink2);
}
.jk-more {
  flex: none;
  padding: 6px 12px;
  border-top: 1px solid var(--jk-line);
}

/* one run */
.jk-rhead {
  padding: 12px;
}
.jk-rhead .jk-row {
  min-height: 24px;
}
.jk-facts {
  margin: 8px 0 0 54px;
  color: var(--jk-ink2);
  line-height: 20px;
}
.jk-root .jk-facts b {
  font-weight: 400;
  color: var(--jk-ink);
}
.jk-narrow .jk-facts {
  margin-left: 4px;
}
.jk-narrow .jk-rhead :is(code, .jk-became) {
  display: none;
}
.jk-gantt {
  border-top: 1px solid var(--jk-line);
  padding: 8px 12px 12px;
}
.jk-gh {
  height: 28px;
  margin-bottom: 4px;
}
.jk-gr,
.jk-axis {
  display: grid;
  grid-template-columns: minmax(96px, 168px) minmax(0, 1fr) 64px 64px;
  column-gap: 8px;
  align-items: center;
}
.jk-narrow :is(.jk-gr, .jk-axis) {
  grid-template-columns: 112px minmax(0, 1fr) 56px;
}
.jk-narrow :is(.jk-gr, .jk-axis) > :nth-child(4) {
  display: none;
}
.jk-lanes {
  max-height: 432px;
  overflow: auto;
  margin: 0 -4px;
}
.jk-gr {
  height: 24px;
  border-radius: var(--jk-r);
  padding: 0 4px;
  cursor: pointer;
}
.jk-gr:hover {
  background: var(--jk-fill);
}
.jk-gr.jk-bad {
  background: var(--jk-fail-wash);
}
.jk-gr.jk-on {
  box-shadow: inset 0 0 0 1px var(--jk-accent);
}
/* the attempts at a step that is chosen */
.jk-tries {
  padding: 0 4px 6px 24px;
  font-size: var(--jk-f11);
}
.jk-try {
  display: grid;
  grid-template-columns: 72px minmax(0, 1fr) auto 64px;
  column-gap: 8px;
  height: 20px;
  align-items: center;
}
.jk-try > :first-child {
  color: var(--jk-ink2);
}
.jk-trycheck {
  grid-template-columns: auto minmax(0, 1fr) auto;
}
.jk-try.jk-trycheck > :first-child {
  color: inherit;
}
.jk-stepg.jk-t-fail .jk-g-warning {
  color: var(--jk-fail);
}
.jk-lane {
  position: relative;
  height: 24px;
  overflow: hidden;
}
.jk-lane i {
  position: absolute;
  top: 6px;
  height: 12px;
  border-radius: 2px;
}
.jk-bar-ok {
  background: var(--jk-ok-soft);
}
.jk-bar-crit {
  background: var(--jk-ok);
}
.jk-bar-fail {
  background: var(--jk-fail);
}
.jk-bar-run {
  background: repeating-linear-gradient(-45deg, var(--jk-run) 0 6px, var(--jk-stripe) 6px 11.3px);
  background-size: 16px 100%;
  animation: jk-slide 1s linear infinite;
}
.jk-bar-try {
  background: var(--jk-warn-wash);
  border: 1px solid var(--jk-warn);
}
.jk-bar-stop {
  border: 1px solid var(--jk-ink2);
}
.jk-bar-est {
  border: 1px dashed var(--jk-ink2);
  opacity: 0.7;
}
.jk-lane .jk-bar-wait {
  top: 11px;
  height: 1px;
  background: var(--jk-edge);
}
.jk-lb {
  position: absolute;
  top: 4px;
  font-size: var(--jk-f11);
  color: var(--jk-ink2);
  white-space: nowrap;
}
.jk-lb.jk-over {
  right: 0;
  padding: 0 4px;
  border-radius: 3px;
  background: var(--jk-bg);
}
.jk-axis {
  height: 20px;
  font-size: var(--jk-f11);
  color: var(--jk-ink2);
}
.jk-axis div {
  position: relative;
  height: 16px;
}
.jk-root .jk-axis b {
  position: absolute;
  font-weight: 400;
  transform: translateX(-50%);
  white-space: nowrap;
}
.jk-narrow .jk-axis b:nth-child(even) {
  display: none;
}
.jk-err {
  border-top: 1px solid var(--jk-line);
  padding: 12px;
}

/* log */
.jk-logview {
  flex: 1;
  min-height: 200px;
  display: flex;
  flex-direction: column;
}
.jk-logbar {
  flex: none;
  height: 40px;
  padding: 0 12px;
  display: flex;
  align-items: center;
  gap: 12px;
  border-top: 1px solid var(--jk-line);
  border-bottom: 1px solid var(--jk-line);
}
.jk-lv {
  border: 0;
  padding: 0;
  height: 24px;
  background: none;
  cursor: pointer;
  white-space: nowrap;
}
.jk-lv.jk-off {
  opacity: 0.55;
  text-decoration: line-through;
}
.jk-log {
  flex: 1;
  min-height: 120px;
  overflow: auto;
  padding: 4px 0 8px;
  font: var(--jk-f11) / 20px var(--jk-mono);
}
.jk-log.jk-tail {
  min-height: 0;
  padding: 0;
  margin: 0 -12px;
}
.jk-lg {
  display: grid;
  grid-template-columns: 88px minmax(72px, 128px) 60px minmax(0, 1fr);
  gap: 8px;
  padding: 0 12px;
  align-items: start;
}
.jk-tail .jk-lg {
  grid-template-columns: 88px minmax(0, 1fr);
  line-height: 16px;
}
.jk-tail .jk-ty {
  display: none;
}
.jk-line {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.jk-lg .jk-ty {
  color: var(--jk-ink2);
}
.jk-lg.jk-e {
  background: var(--jk-fail-wash);
}
.jk-lg.jk-e .jk-ty {
  color: var(--jk-fail-ink);
  font-weight: 600;
}
.jk-lg.jk-w .jk-ty {
  color: var(--jk-warn-ink);
  font-weight: 600;
}
.jk-empty {
  padding: 8px 12px;
  font-family: var(--jk-sans);
}
.jk-narrow .jk-lg:not(.jk-tail *) {
  grid-template-columns: 88px minmax(0, 1fr);
}
.jk-narrow .jk-lg:not(.jk-tail *) > :is(:nth-child(2), .jk-ty) {
  display: none;
}
.jk-narrow .jk-logbar {
  flex-wrap: wrap;
  height: auto;
  min-height: 40px;
  padding: 4px 12px;
  gap: 4px 12px;
}

/* a backfill among the runs */
.jk-bfopen {
  flex: none;
  margin: 0 4px 0 -6px;
}
.jk-bf .jk-job {
  gap: 0;
}
.jk-bf .jk-marks {
  flex: none;
}
.jk-narrow .jk-rr .jk-bfbar {
  width: 96px;
  justify-self: end;
}
.jk-bfbar {
  gap: 1px;
}
.jk-bfbar .jk-x-running {
  height: 12px;
  background: repeating-linear-gradient(-45deg, var(--jk-run) 0 6px, var(--jk-stripe) 6px 11.3px);
  background-size: 16px 100%;
  animation: jk-slide 1s linear infinite;
}
.jk-bfbar .jk-x-never {
  border: 0;
  background: var(--jk-fill2);
}
.jk-bfacts {
  padding: 8px 0 8px 44px;
  gap: 8px;
  border-bottom: 1px solid var(--jk-hair);
  line-height: 20px;
}
.jk-bfsaid {
  min-width: 0;
}
.jk-inbf .jk-job {
  padding-left: 18px;
}
.jk-inbf.jk-under .jk-job {
  padding-left: 34px;
}
.jk-narrow .jk-bfacts {
  padding-left: 22px;
  flex-wrap: wrap;
}
`,""]),o.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/screen.css"(r,e,o){var i=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),a=o.n(i),t=o("./node_modules/css-loader/dist/runtime/api.js"),n=o.n(t),k=o("./node_modules/css-loader/dist/cjs.js!./style/base.css"),s=o("./node_modules/css-loader/dist/cjs.js!./style/graph.css"),l=o("./node_modules/css-loader/dist/cjs.js!./style/pane.css"),d=o("./node_modules/css-loader/dist/cjs.js!./style/partitions.css"),p=o("./node_modules/css-loader/dist/cjs.js!./style/runs.css"),j=o("./node_modules/css-loader/dist/cjs.js!./style/automation.css"),c=o("./node_modules/css-loader/dist/cjs.js!./style/conditions.css"),x=n()(a());x.i(k.A),x.i(s.A),x.i(l.A),x.i(d.A),x.i(p.A),x.i(j.A),x.i(c.A),x.push([r.id,`
`,""]),o.d(e,{},{A:x})},"./node_modules/css-loader/dist/runtime/api.js"(r){r.exports=function(r){var e=[];return e.toString=function(){return this.map(function(e){var o="",i=void 0!==e[5];return e[4]&&(o+="@supports (".concat(e[4],") {")),e[2]&&(o+="@media ".concat(e[2]," {")),i&&(o+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),o+=r(e),i&&(o+="}"),e[2]&&(o+="}"),e[4]&&(o+="}"),o}).join("")},e.i=function(r,o,i,a,t){"string"==typeof r&&(r=[[null,r,void 0]]);var n={};if(i)for(var k=0;k<this.length;k++){var s=this[k][0];null!=s&&(n[s]=!0)}for(var l=0;l<r.length;l++){var d=[].concat(r[l]);i&&n[d[0]]||(void 0!==t&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=t),o&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=o),a&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=a):d[4]="".concat(a)),e.push(d))}},e}},"./node_modules/css-loader/dist/runtime/noSourceMaps.js"(r){r.exports=function(r){return r[1]}},"./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"(r){var e=[];function o(r){for(var o=-1,i=0;i<e.length;i++)if(e[i].identifier===r){o=i;break}return o}function i(r,i){for(var a={},t=[],n=0;n<r.length;n++){var k=r[n],s=i.base?k[0]+i.base:k[0],l=a[s]||0,d="".concat(s," ").concat(l);a[s]=l+1;var p=o(d),j={css:k[1],media:k[2],sourceMap:k[3],supports:k[4],layer:k[5]};if(-1!==p)e[p].references++,e[p].updater(j);else{var c=function(r,e){var o=e.domAPI(e);return o.update(r),function(e){e?(e.css!==r.css||e.media!==r.media||e.sourceMap!==r.sourceMap||e.supports!==r.supports||e.layer!==r.layer)&&o.update(r=e):o.remove()}}(j,i);i.byIndex=n,e.splice(n,0,{identifier:d,updater:c,references:1})}t.push(d)}return t}r.exports=function(r,a){var t=i(r=r||[],a=a||{});return function(r){r=r||[];for(var n=0;n<t.length;n++){var k=o(t[n]);e[k].references--}for(var s=i(r,a),l=0;l<t.length;l++){var d=o(t[l]);0===e[d].references&&(e[d].updater(),e.splice(d,1))}t=s}}},"./node_modules/style-loader/dist/runtime/insertBySelector.js"(r){var e={};r.exports=function(r,o){var i=function(r){if(void 0===e[r]){var o=document.querySelector(r);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(r){o=null}e[r]=o}return e[r]}(r);if(!i)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");i.appendChild(o)}},"./node_modules/style-loader/dist/runtime/insertStyleElement.js"(r){r.exports=function(r){var e=document.createElement("style");return r.setAttributes(e,r.attributes),r.insert(e,r.options),e}},"./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"(r,e,o){r.exports=function(r){var e=o.nc;e&&r.setAttribute("nonce",e)}},"./node_modules/style-loader/dist/runtime/styleDomAPI.js"(r){r.exports=function(r){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=r.insertStyleElement(r);return{update:function(o){var i,a,t;i="",o.supports&&(i+="@supports (".concat(o.supports,") {")),o.media&&(i+="@media ".concat(o.media," {")),(a=void 0!==o.layer)&&(i+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),i+=o.css,a&&(i+="}"),o.media&&(i+="}"),o.supports&&(i+="}"),(t=o.sourceMap)&&"u">typeof btoa&&(i+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(t))))," */")),r.styleTagTransform(i,e,r.options)},remove:function(){var r;null===(r=e).parentNode||r.parentNode.removeChild(r)}}}},"./node_modules/style-loader/dist/runtime/styleTagTransform.js"(r){r.exports=function(r,e){if(e.styleSheet)e.styleSheet.cssText=r;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(r))}}},"./style/index.js"(r,e,o){var i=o("./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"),a=o.n(i),t=o("./node_modules/style-loader/dist/runtime/styleDomAPI.js"),n=o.n(t),k=o("./node_modules/style-loader/dist/runtime/insertBySelector.js"),s=o.n(k),l=o("./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"),d=o.n(l),p=o("./node_modules/style-loader/dist/runtime/insertStyleElement.js"),j=o.n(p),c=o("./node_modules/style-loader/dist/runtime/styleTagTransform.js"),x=o.n(c),g=o("./node_modules/css-loader/dist/cjs.js!./style/index.css"),m={};m.styleTagTransform=x(),m.setAttributes=d(),m.insert=s().bind(null,"head"),m.domAPI=n(),m.insertStyleElement=j(),a()(g.A,m),g.A&&g.A.locals&&g.A.locals}}]);