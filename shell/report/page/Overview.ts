/** The top of the page, how the run went in a few words and figures, and the table of classes at its end. */
import type { PageData } from "../PageData.ts"
import type { Kit } from "./Kit.ts"

/** Free of names from outside; see `Kit.ts`. */
export const overview = (kit: Kit, data: PageData): void => {
  const { byId, bytes, duration, el, number, percent, plural } = kit
  const { figures, outcome, scenario, violations } = data
  const of = (seconds: number | undefined) => seconds === undefined ? "–" : duration(seconds * 1_000)
  const isSound = outcome.violations === 0
  const isDone = outcome.completed === outcome.peers
  const { clients, clientsWatched, eventsPerSecond } = outcome
  const isSample = clients !== undefined && clientsWatched !== undefined && clientsWatched < clients
  const watched = isSample
    ? `; every message of ${number(clientsWatched)} of ${plural(clients, "client")} was read`
    : ""

  byId("subtitle").textContent = [
    plural(data.peers.of, "peer"),
    `${bytes(scenario.sizeBytes)} in ${plural(data.pieceCount, "piece")}`,
    `seed ${outcome.seed}`,
    `${duration(data.endMs)} of virtual time`,
  ].join("  ·  ")

  const verdict = (isGood: boolean, text: string) =>
    el(
      "li",
      { class: isGood ? "good" : "bad" },
      el("span", { "aria-hidden": "true" }, isGood ? "✓" : "✕"),
      text,
    )
  byId("verdict").append(
    verdict(
      isDone,
      isDone
        ? `${outcome.peers === 1 ? "The only leecher" : `All ${number(outcome.peers)} leechers`} completed`
        : `${number(outcome.completed)} of ${plural(outcome.peers, "leecher")} completed`,
    ),
    verdict(
      isSound,
      isSound
        ? `No checker found a violation${watched}`
        : `${plural(outcome.violations, "violation")} of the rules`,
    ),
  )

  const tile = (label: string, value: string, note: string) =>
    el("div", { class: "tile" }, el("dt", {}, label), el("dd", {}, value, el("small", {}, note)))
  const times = figures.completionSeconds
  const speed = outcome.realSeconds > 0 ? outcome.virtualSeconds / outcome.realSeconds : undefined
  const { gini, jain } = figures.fairness
  byId("tiles").append(
    tile(
      "Median completion",
      of(times?.median),
      times === undefined ? "nobody completed" : "half of the leechers within this",
    ),
    tile("Slowest leecher", of(times?.max), times === undefined ? "" : `19 of 20 within ${of(times.p95)}`),
    tile(
      "Fairness of giving",
      jain === undefined ? "–" : jain.toFixed(2),
      gini === undefined ? "Jain’s index" : `Jain’s index, 1 is even; Gini ${gini.toFixed(2)}`,
    ),
    tile(
      "Speed",
      speed === undefined ? "–" : `${speed >= 10 ? number(speed) : speed.toFixed(1)}×`,
      `of real time: it took ${duration(outcome.realSeconds * 1_000)}`,
    ),
    tile(
      "Blocks delivered",
      number(outcome.deliveries),
      [
        `${number(outcome.deliveriesPerSecond)} a second`,
        ...(eventsPerSecond === undefined ? [] : [`of ${number(eventsPerSecond)} events`]),
      ].join(", "),
    ),
    tile("Memory at most", bytes(outcome.peakMemoryBytes), `digest ${outcome.digest.slice(0, 12)}`),
  )

  if (!isSound) {
    const items = violations.map(({ checker, message, node, now }) =>
      el(
        "li",
        {},
        el("b", {}, checker),
        ` at ${duration(now)}${node === undefined ? "" : `, peer ${node}`}: ${message}`,
      )
    )
    if (data.violationsLeftOut > 0) items.push(el("li", {}, `… and ${number(data.violationsLeftOut)} more`))
    byId("violations").append(el("h2", {}, "Rules that were broken"), el("ol", {}, ...items))
    byId("violations").hidden = false
  }

  const heading = ["Class", "Peers", "Complete", "10 %", "Median", "90 %", "Last", "Given", "Taken", "Ratio"]
  const rows = figures.classes.map((one, index) => {
    const spread = one.completionSeconds
    const isCounted = one.wantsCopy || one.role === "seeder"
    const cells = [
      number(one.peers),
      !one.wantsCopy
        ? "–"
        : one.peers === 0
        ? "–"
        : `${number(one.completed)} (${percent(one.completed / one.peers)})`,
      of(spread?.p10),
      of(spread?.median),
      of(spread?.p90),
      of(spread?.max),
      isCounted ? bytes(one.uploadedBytes) : "–",
      isCounted ? bytes(one.downloadedBytes) : "–",
      one.ratio === undefined ? "–" : one.ratio.toFixed(2),
    ]
    const name = el(
      "th",
      { scope: "row" },
      el("i", { style: `background:${kit.classColor(index)}` }),
      one.name,
    )
    if (one.behaviour !== "honest" && one.behaviour !== one.name) name.append(el("small", {}, one.behaviour))
    return el("tr", {}, name, ...cells.map((cell) => el("td", {}, cell)))
  })
  byId("classes").append(
    el("thead", {}, el("tr", {}, ...heading.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows),
  )
  byId("scenario").textContent = JSON.stringify(scenario, undefined, 2)
  byId("digest").textContent = outcome.digest
  if (outcome.replay !== undefined) {
    byId("replay").hidden = false
    byId("replay").querySelector("code")!.textContent = outcome.replay
  }
}
