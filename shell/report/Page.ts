/**
 * The report's page: one file with its style, its program and its data in it, which asks nothing of any network.
 *
 * The program is made of the functions in `page/`, which are checked, linted and formatted as all others are: their text
 * is what the page contains. That needs each of them to stand on its own, without a name from outside that a bundler
 * could have changed; a test holds them to it, and a browser runs the page that the bundled program wrote.
 */
import { charts } from "./page/Charts.ts"
import { heatMap } from "./page/HeatMap.ts"
import { makeKit } from "./page/Kit.ts"
import { overTime } from "./page/OverTime.ts"
import { overview } from "./page/Overview.ts"
import { STYLE } from "./page/Style.ts"
import { swarm } from "./page/Swarm.ts"
import { DIGITS, LEVELS, type PageData } from "./PageData.ts"

/** The functions that the program consists of. */
export const parts = { makeKit, overview, charts, overTime, heatMap, swarm }

/** What the page may do: show itself. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

const program = (): string => {
  const script = `"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const digits = ${JSON.stringify(DIGITS)}, levels = ${JSON.stringify(LEVELS)};
const kit = (${parts.makeKit})(data.endMs);
(${parts.overview})(kit, data);
(${parts.charts})(kit, data);
(${parts.overTime})(kit, data);
(${parts.heatMap})(kit, data, digits);
(${parts.swarm})(kit, data, digits, levels);`
  return script.replaceAll("</script", "<\\/script")
}

/** JSON that can stand in a document: no `<` can end the element it stands in, nor begin a comment. */
export const embed = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c")

const line = (stroke: string): string =>
  `<svg width="34" height="10" aria-hidden="true"><path d="M1 5h32" fill="none" stroke="currentColor" ${stroke}/></svg>`

/** The whole document. */
export const html = (data: PageData): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<title>Simulated swarm, seed ${data.outcome.seed}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>A simulated swarm</h1>
<p id="subtitle"></p>
<ul class="verdict" id="verdict"></ul>
</header>
<main>
<noscript><p class="bad">This page draws itself: it needs scripts. The numbers are in summary.json, too.</p></noscript>
<dl class="tiles" id="tiles"></dl>
<div class="grid">
<section class="wide" id="violations" hidden></section>

<section class="wide" aria-labelledby="swarm-title">
<div class="head"><h2 id="swarm-title">Who uploads to whom</h2></div>
<p class="lead">A peer’s rim fills as it downloads. Point at a peer, or choose one, to see its exchanges alone.</p>
<div id="swarm-legend"></div>
<div class="watch">
<div>
<div id="swarm-host"><canvas id="swarm" role="img" aria-label="Peers on a circle, with arrows from those who upload to those who download; the text beside it says the same of a chosen peer"></canvas></div>
<div class="key">
<span>${line('stroke-width="4"')}flows, wider is faster</span>
<span>${line('stroke-width="1"')}may download</span>
<span>${line('stroke-width="1.5" stroke-dasharray="3 5"')}wants something, is choked</span>
</div>
</div>
<div class="side"><dl id="now"></dl></div>
</div>
<div class="controls">
<button id="play" type="button" aria-pressed="false"><span id="play-text">Play</span></button>
<label class="hidden" for="time">Virtual time</label>
<input id="time" type="range" min="0" max="1" value="0">
<output id="clock" for="time"></output>
<label>Whole run in <select id="speed"><option value="10">10 s</option><option value="20" selected>20 s</option><option value="60">1 min</option><option value="180">3 min</option></select></label>
<label>Show <select id="peer"></select></label>
<label><input id="waiting" type="checkbox"> choked pairs</label>
</div>
<p class="note" id="swarm-note"></p>
</section>

<section aria-labelledby="completions-title">
<h2 id="completions-title">Time to complete</h2>
<p class="lead">How many of a class had everything so long after they came. Dots mark the medians.</p>
<div class="chart" id="completions" role="img" aria-label="Distribution of completion times by class; the table of classes below has its figures"></div>
<div id="completions-legend"></div>
</section>

<section aria-labelledby="ratios-title">
<h2 id="ratios-title">Giving and getting</h2>
<p class="lead">Each dot is a leecher that completed: further left was sooner, further up gave more.</p>
<div class="chart" id="ratios" role="img" aria-label="Share ratio of each leecher by its completion time; peers.csv has the values"></div>
<div id="ratios-legend"></div>
<p class="note" id="ratios-note"></p>
</section>

<section class="wide" aria-labelledby="rates-title">
<div class="head"><h2 id="rates-title">Rates</h2>
<fieldset class="choice"><legend>Direction</legend>
<label><input type="radio" name="direction" value="uploaded" checked> upload</label>
<label><input type="radio" name="direction" value="downloaded"> download</label>
</fieldset></div>
<p class="lead">Click or drag in a chart over time to move all of them, and the picture above, to that moment.</p>
<div class="chart scrub" id="rates" role="img" aria-label="Payload a second over time, stacked by class"></div>
<div id="rates-legend"></div>
</section>

<section class="wide" aria-labelledby="population-title">
<h2 id="population-title">Peers in the swarm</h2>
<div class="chart scrub" id="population" role="img" aria-label="Peers that are downloading and peers that are complete, over time"></div>
<div id="population-legend"></div>
</section>

<section class="wide" aria-labelledby="copies-title">
<h2 id="copies-title">Copies of each piece</h2>
<p class="lead">Even columns are what rarest-first is for. Arrow keys move through the map once it has the focus.</p>
<div class="chart scrub" id="copies" role="group" tabindex="0" aria-label="Copies of each piece over time; arrow keys read single cells">
<canvas id="copies-canvas" aria-hidden="true"></canvas><div id="copies-axes"></div></div>
<div class="under" id="copies-legend"></div>
<p class="note" id="copies-said" aria-live="polite"></p>
<p class="note" id="copies-note"></p>
</section>

<section aria-labelledby="lorenz-title">
<h2 id="lorenz-title">How evenly leechers gave</h2>
<div class="chart" id="lorenz" role="img" aria-label="Lorenz curve of what leechers uploaded"></div>
<div id="lorenz-legend"></div>
</section>

<section aria-labelledby="run-title">
<h2 id="run-title">This run</h2>
<p>The same scenario gives the same digest on every machine:<br><code id="digest"></code></p>
<p id="replay" hidden>This does it again:<br><code></code></p>
<p>The numbers behind this page: <a href="summary.json">summary.json</a>, <a href="peers.csv">peers.csv</a>,
<a href="events.jsonl">events.jsonl</a>.</p>
<details><summary>The scenario</summary><pre id="scenario" tabindex="0"></pre></details>
</section>

<section class="wide" aria-labelledby="classes-title">
<h2 id="classes-title">Classes</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="classes-title"><table id="classes"></table></div>
</section>
</div>
</main>
<footer>shoal ${data.version}</footer>
<div id="tip" hidden aria-hidden="true"></div>
<script type="application/json" id="data">${embed(data)}</script>
<script>${program()}</script>
</body>
</html>
`
