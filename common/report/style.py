"""The style sheet of a report: system fonts, one accent, light and dark by the reader's own setting."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1d1f23; --soft: #62676f; --line: #e3e4e6; --faint: #f3f4f5;
  --accent: #1f62b8; --tint: #dbe7f6; --warn: #9a5b00; --warn-paper: #fdf6e9; --reference: #b4532a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #e4e6e9; --soft: #9aa1ab; --line: #30343a; --faint: #1f2226;
    --accent: #79aef0; --tint: #24405f; --warn: #e2b060; --warn-paper: #2a2316; --reference: #e58d62;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 5rem; }
h1 { font-size: 1.125rem; font-weight: 600; margin: 0; }
h2 { font-size: 1.25rem; line-height: 1.3; font-weight: 650; margin: 0 0 .75rem; }
h3 { font-size: 1rem; font-weight: 600; margin: 1.75rem 0 .5rem; }
section { margin-top: 2.5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); scroll-margin-top: .5rem; }
p { margin: .5rem 0; max-width: 44rem; }
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: 1px; }
.small { font-size: .875rem; color: var(--soft); }
.faint { color: var(--soft); font-weight: 400; }
code, pre { font: .8125rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { overflow: auto; max-height: 32rem; background: var(--faint); padding: .75rem 1rem; border-radius: 6px; }
summary { cursor: pointer; color: var(--accent); padding: .25rem 0; }
details { margin-top: .75rem; }
.names { font-size: .875rem; color: var(--soft); max-width: none; }

/* head */
.headline { margin: .5rem 0 0; line-height: 1.1; }
.score { font-size: 3.25rem; font-weight: 650; letter-spacing: -.02em; }
.error { font-size: 1.5rem; color: var(--soft); white-space: nowrap; }
header .marks { margin: 1rem 0; }
.look { margin: 1.25rem 0; padding: .875rem 1.125rem; background: var(--warn-paper); border-radius: 6px; }
.look h2 { font-size: 1rem; margin: 0 0 .375rem; color: var(--warn); }
.look ul { margin: 0; padding-left: 1.125rem; }
.look li { margin: .25rem 0; }
.look a { white-space: nowrap; }
.calm { color: var(--soft); }
dl {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .625rem 1.5rem;
  margin: 1.25rem 0;
}
dt { font-size: .8125rem; color: var(--soft); }
dd { margin: 0; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.125rem; padding: .75rem 0 0; border-top: 1px solid var(--line); }
nav a { padding: .25rem 0; text-decoration: none; }
nav a:hover { text-decoration: underline; }

/* tables of values */
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
.scroll { overflow-x: auto; max-width: 100%; }
.plain th, .plain td {
  padding: .375rem .75rem; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line);
  overflow-wrap: normal;
}
.plain tbody th { font-weight: 400; min-width: 9rem; max-width: 22rem; overflow-wrap: anywhere; }
.plain thead th { font-weight: 600; color: var(--soft); vertical-align: bottom; }
.plain .right { text-align: right; white-space: nowrap; }
.plain thead th, .plain .short { white-space: nowrap; }
.plain tr > :first-child { padding-left: 0; }
.plain td[style] { background: color-mix(in srgb, var(--tint) calc(100% * var(--share)), transparent); }

/* rows of marks */
.marks { width: 100%; table-layout: auto; }
.marks th { font-weight: 400; text-align: left; vertical-align: middle; padding: 0 1rem 0 0; }
.marks tbody th { min-width: 8rem; max-width: 22rem; padding-top: .1875rem; padding-bottom: .1875rem; }
.marks thead th { color: var(--soft); font-weight: 600; padding-bottom: .25rem; }
.marks td { padding: 0 1rem 0 0; height: 1.75rem; vertical-align: middle; }
.marks td:last-child, .marks th:last-child { padding-right: 0; }
.marks tbody tr { border-top: 1px solid var(--line); }
.marks.many thead th:not(:first-child) { white-space: nowrap; }
.cell { display: flex; align-items: center; gap: .625rem; }
.track, .axis { position: relative; flex: 1 1 0; min-width: 6.5rem; display: block; }
.track { height: 1.75rem; }
.axis { height: 1.375rem; font-size: .75rem; color: var(--soft); }
.axis span { position: absolute; top: .125rem; transform: translateX(-50%); white-space: nowrap; }
.number { flex: none; width: calc(var(--width) + .25rem); white-space: nowrap; }
.marks .text { white-space: nowrap; text-align: right; }
.track i { position: absolute; display: block; }
.tick { top: 0; bottom: 0; width: 1px; background: var(--line); }
.reference { top: 0; bottom: 0; width: 0; border-left: 1.5px dashed var(--reference); }
.bar { top: .5rem; bottom: .5rem; background: var(--accent); border-radius: 1px; min-width: 1px; }
.whisker { top: calc(50% - 1px); height: 2px; background: var(--accent); opacity: .55; }
.dot {
  top: calc(50% - 4.5px); width: 9px; height: 9px; margin-left: -4.5px; border-radius: 50%;
  background: var(--accent);
}
.pale .bar { background: none; border: 1.5px solid var(--accent); opacity: .7; }
.pale .dot { background: var(--paper); border: 2px solid var(--accent); }
.pale .number { color: var(--soft); }

/* plots */
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); gap: 1.75rem 2rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; font-size: .875rem; }
figure p.small { margin: .125rem 0 .375rem; }
.plot {
  display: grid; grid-template-columns: calc(var(--width) + .25rem) 1fr; column-gap: .5rem; font-size: .75rem;
  color: var(--soft); line-height: 1.3;
}
.y-title { grid-column: 1 / -1; padding-bottom: .375rem; }
.y { position: relative; }
.y span { position: absolute; right: 0; transform: translateY(-50%); white-space: nowrap; }
.area { height: 11rem; border-bottom: 1px solid var(--soft); }
.square .area { height: auto; aspect-ratio: 1; border-left: 1px solid var(--soft); }
section > figure .area { height: 15rem; }
.x { grid-column: 2; position: relative; height: 1.25rem; }
.x span { position: absolute; top: .1875rem; transform: translateX(-50%); white-space: nowrap; }
.x-title { grid-column: 2; text-align: right; }
svg { display: block; width: 100%; height: 100%; overflow: visible; }
svg path { fill: none; vector-effect: non-scaling-stroke; }
path.grid { stroke: var(--line); stroke-width: 1; }
path.line, path.step { stroke: var(--accent); stroke-width: 1.75; stroke-linejoin: round; }
path.thin { stroke: var(--accent); stroke-width: 1; opacity: .6; }
path.guide { stroke: var(--reference); stroke-width: 1.25; stroke-dasharray: 4 4; }
path.dot, path.best, path.pale-dot { stroke: var(--accent); stroke-width: 7; stroke-linecap: round; }
path.best { stroke: var(--reference); stroke-width: 9; }
path.pale-dot { opacity: .35; }

@media (max-width: 40rem) {
  main { padding: 1.25rem 1rem 4rem; }
  .score { font-size: 2.75rem; }
  .marks, .marks tbody, .marks tfoot { display: block; }
  .marks thead, .marks tfoot td:first-child { display: none; }
  .marks tr { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 1.25rem; padding: .3125rem 0; }
  .marks th, .marks td { display: block; padding: 0; height: auto; min-width: 0; max-width: none; }
  .marks tbody th, .marks.odd td:nth-child(2) { grid-column: 1 / -1; }
  .many .cell { flex-wrap: wrap; gap: 0 .375rem; }
  .many .track, .many .axis { flex-basis: 100%; order: 3; height: 1.25rem; }
  .many .number { width: auto; margin-left: auto; }
  .many tbody .cell::before, .many .text span::before {
    content: attr(data-title); color: var(--soft); font-size: .8125rem;
  }
  .many .text { display: flex; }
  .many .text span { display: flex; flex: 1; justify-content: space-between; gap: .5rem; }
}
"""
