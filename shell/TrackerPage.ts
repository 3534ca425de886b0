/** The tracker's page for people: one file without scripts or outside resources, made of numbers alone. */
import { VERSION } from "../core/base/Version.ts"
import type { Snapshot } from "./TrackerMetrics.ts"

/** What the page may do in a browser: show itself. */
export const HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
}

/** Seconds until a browser loads the page anew. */
const REFRESH_SECONDS = 10

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 1.5rem 0 }
dl div { border: 1px solid #8886; border-radius: .5rem; padding: .75rem 1rem }
dt { font-size: .875rem; opacity: .75 }
dd { margin: 0; font-size: 1.75rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100% }
th, td { text-align: right; padding: .375rem .5rem; border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums }
th:first-child { text-align: left; font-weight: normal }
caption { text-align: left; font-weight: 600; padding: .375rem .5rem }
footer { margin-top: 2rem; font-size: .875rem; opacity: .75 }
`

/** `1,234,567`, the same in every locale. */
const number = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",")

/** `3 d 4 h`, `12 min`, `7 s`: the two largest units. */
export const uptime = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const parts: ReadonlyArray<readonly [number, string]> = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  const shown = parts.slice(first < 0 ? 3 : first, (first < 0 ? 3 : first) + 2)
  return shown.map(([value, unit]) => `${value} ${unit}`).join(" ")
}

const card = (label: string, value: string): string => `<div><dt>${label}</dt><dd>${value}</dd></div>`

const row = (label: string, http: number | undefined, udp: number | undefined): string => {
  const cell = (value: number | undefined) => `<td>${value === undefined ? "–" : number(value)}</td>`
  return `<tr><th scope="row">${label}</th>${cell(http)}${cell(udp)}</tr>`
}

/** The whole document. */
export const html = ({ counters, store, startedAtMs, nowMs, intervalSeconds }: Snapshot): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>shoal tracker</title>
<style>${STYLE}</style>
</head>
<body>
<h1>shoal tracker</h1>
${
    store === undefined ? "<p>The store of the swarms does not answer at the moment.</p>" : `<dl>
${card("Torrents", number(store.swarms))}
${card("Seeders", number(store.seeders))}
${card("Leechers", number(store.leechers))}
</dl>`
  }
<table>
<caption>Requests in ${uptime(nowMs - startedAtMs)}</caption>
<thead><tr><th></th><th scope="col">HTTP</th><th scope="col">UDP</th></tr></thead>
<tbody>
${row("Announces", counters.httpAnnounces, counters.udpAnnounces)}
${row("Scrapes", counters.httpScrapes, counters.udpScrapes)}
${row("Refused", counters.httpRefusals, counters.udpRefusals)}
${row("Connects", undefined, counters.udpConnects)}
${row("Malformed or forged", counters.httpErrors, counters.udpDropped)}
</tbody>
</table>
<footer>shoal ${VERSION} · clients announce every ${number(intervalSeconds)} s ·
<a href="/stats.json">JSON</a> · <a href="/metrics">Prometheus</a></footer>
</body>
</html>
`
