/** How the page looks: light and dark, from the width of a telephone up. */
export const STYLE = `
:root {
  color-scheme: light dark; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
  --bg: #f4f6f9; --card: #ffffff; --ink: #17212c; --muted: #5a6877; --line: #dfe5ec; --accent: #0b5fce;
  --good: #14794a; --bad: #c62f3b; --none: #d94452; --lacking: #8fb4e8; --whole: #2f9e6e;
  --ramp: #eef4fb, #bfd9f2, #7ab4e0, #3a86c4, #14599c, #0a2f63;
  --class-0: #2467d1; --class-1: #d9730d; --class-2: #158a61; --class-3: #a748b5;
  --class-4: #cc3a45; --class-5: #6f7a14; --class-6: #0b829b; --class-7: #80604a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #0c1117; --card: #151c24; --ink: #e7edf4; --muted: #97a5b5; --line: #283341; --accent: #74b3ff;
    --good: #52d39a; --bad: #ff7c85; --none: #b8323f; --lacking: #3d6299; --whole: #43b98a;
    --ramp: #16283d, #1c4672, #2a74ad, #4da9d6, #93d6e8, #f2fbe9;
    --class-0: #6ea4ff; --class-1: #ffa453; --class-2: #48cd9c; --class-3: #dc92e8;
    --class-4: #ff8188; --class-5: #bcc853; --class-6: #4fc8e0; --class-7: #cfae97;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--bg); color: var(--ink); overflow-wrap: break-word }
main, header, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem }
header { padding-top: 2.25rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; letter-spacing: -.015em }
h2 { font-size: 1.0625rem; margin: 0; letter-spacing: -.005em }
p { margin: .25rem 0 0 }
a { color: var(--accent) }
#subtitle, .note, .lead { color: var(--muted) }
.note, .lead { font-size: .875rem; max-width: 62ch }
.verdict { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; margin: 1rem 0 0 }
.verdict li { border: 1px solid currentColor; border-radius: 2rem; padding: .125rem .875rem .125rem .625rem; font-weight: 600; font-size: .9375rem }
.verdict span { margin-right: .5rem }
.good { color: var(--good) }
.bad { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 }
.tile, section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.tile { padding: .75rem 1rem }
.tile dt { font-size: .8125rem; color: var(--muted) }
.tile dd { margin: 0; font-size: 1.625rem; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; white-space: nowrap }
.tile small { display: block; font-size: .8125rem; font-weight: 400; color: var(--muted); letter-spacing: 0; white-space: normal; line-height: 1.35 }
.grid { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .75rem }
.wide { grid-column: 1 / -1 }
section { padding: 1.125rem 1.25rem; min-width: 0 }
section > .head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .5rem 1rem; align-items: baseline }
.chart { position: relative; margin-top: .75rem; touch-action: pan-y }
.chart svg, canvas { display: block }
.scrub { cursor: ew-resize }
svg text { font: 12px system-ui, sans-serif; fill: var(--muted); font-variant-numeric: tabular-nums }
.axes line { stroke: var(--line) }
.line { fill: none; stroke-width: 2.25; stroke-linejoin: round }
.gap { fill: var(--accent); opacity: .14 }
.dot { opacity: .7 }
.even { stroke: var(--muted); stroke-dasharray: 4 4 }
.cursor { stroke: var(--ink); stroke-width: 1.5; opacity: .65 }
.fault { stroke: var(--ink); stroke-width: 1.5 }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: .5rem 0 0; font-size: .875rem }
.legend i, th i { display: inline-block; width: .75rem; height: .75rem; border-radius: .2rem; margin-right: .4rem; vertical-align: -.06rem }
.legend b { font-weight: 400; color: var(--muted); margin-left: .4rem }
.choice { border: 0; padding: 0; margin: 0; display: flex; gap: .25rem 1rem; font-size: .875rem }
.choice legend, .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.watch { display: grid; grid-template-columns: minmax(0, 1fr) 17rem; gap: 1rem 1.5rem; margin-top: .75rem }
#swarm-host { display: flex; justify-content: center }
.controls { display: flex; flex-wrap: wrap; gap: .625rem 1rem; align-items: center; margin-top: .75rem; font-size: .875rem }
.controls input[type=range] { flex: 1 1 12rem; min-width: 8rem; accent-color: var(--accent) }
.controls label { display: inline-flex; gap: .4rem; align-items: center }
#clock { font-variant-numeric: tabular-nums; min-width: 10rem }
button, select { font: inherit; color: inherit; background: var(--bg); border: 1px solid var(--line); border-radius: .5rem; padding: .3rem .75rem; max-width: 100% }
button { font-weight: 600; min-width: 5.5rem; background: var(--accent); color: var(--card); border-color: transparent; cursor: pointer }
input[type=checkbox], input[type=radio] { accent-color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.side { font-size: .875rem; min-height: 12rem }
.side dl { margin: 0; display: grid; gap: .75rem }
.side dt { color: var(--muted); font-size: .8125rem }
.side dd { margin: 0; display: flex; justify-content: space-between; gap: 1rem; font-variant-numeric: tabular-nums }
.side b { font-weight: 600; white-space: nowrap }
.key { display: flex; flex-wrap: wrap; gap: .125rem 1rem; margin-top: .5rem; font-size: .8125rem; color: var(--muted) }
.key svg { vertical-align: middle; margin-right: .35rem }
#copies-canvas { position: absolute; left: 68px; top: 24px; image-rendering: pixelated }
#copies-axes { position: relative; height: 280px }
#copies-axes .axes line { display: none }
.under { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center }
.scale { display: inline-flex; gap: .5rem; align-items: center; font-size: .875rem; color: var(--muted); margin-top: .5rem }
.bar { background: linear-gradient(to right, var(--ramp)); width: 8rem; height: .75rem; border-radius: .2rem }
.scroll { overflow-x: auto; margin-top: .75rem }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .4rem .625rem; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600; font-size: .8125rem; color: var(--muted) }
tbody th { color: var(--ink); font-size: inherit }
th:first-child { text-align: left; padding-left: 0 }
th small { font-weight: 400; color: var(--muted); margin-left: .5rem }
details { margin-top: .75rem }
summary { cursor: pointer }
pre { overflow: auto; font-size: .8125rem; max-height: 24rem; background: var(--bg); padding: .75rem 1rem; border-radius: .5rem }
code { font-size: .875em; overflow-wrap: anywhere }
#violations ol { margin: .5rem 0 0; padding-left: 1.25rem }
#tip { position: fixed; z-index: 1; pointer-events: none; background: var(--ink); color: var(--card); border-radius: .5rem; padding: .4rem .65rem; font-size: .8125rem; max-width: 18rem }
#tip strong, #tip span { display: block }
footer { color: var(--muted); font-size: .875rem; padding-top: 1.25rem; padding-bottom: 2.5rem }
@media (max-width: 56rem) {
  .grid, .watch { grid-template-columns: minmax(0, 1fr) }
  .side { min-height: 0 }
  .side dl { grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)) }
}
@media (max-width: 30rem) {
  main, header, footer { padding-left: .75rem; padding-right: .75rem }
  section { padding: .875rem .75rem }
  h1 { font-size: 1.375rem }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .5rem }
  .tile { padding: .5rem .75rem }
  .tile dd { font-size: 1.25rem }
}
@media print { .controls { display: none } section, .tile { break-inside: avoid } }
`
