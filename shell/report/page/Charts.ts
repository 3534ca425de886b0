/** The charts of how it ended: when peers were complete, and who gave how much. */
import type { PageData } from "../PageData.ts"
import type { Kit } from "./Kit.ts"

/** Free of names from outside; see `Kit.ts`. */
export const charts = (kit: Kit, data: PageData): void => {
  const { byId, classColor, duration, el, number, percent, svg } = kit
  const { classes } = data.figures
  const colors = classes.map((_, index) => classColor(index))

  /** An SVG as wide as its host, drawn anew with it. */
  const chart = (
    id: string,
    height: number,
    left: number,
    draw: (root: Element, frame: { left: number; top: number; width: number; height: number }) => void,
  ) => {
    const host = byId(id)
    kit.onLayout(host, (width) => {
      const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" })
      draw(root, { left, top: 24, width: width - left - 22, height: height - 24 - 40 })
      host.replaceChildren(root)
    })
    host.addEventListener("pointerleave", kit.hideTip)
    return host
  }

  const completions = () => {
    const shown = classes.flatMap((one, index) => one.wantsCopy && one.peers > 0 ? [{ ...one, index }] : [])
    const max =
      shown.reduce((most, one) => Math.max(most, data.completions[one.index]!.at(-1) ?? 0), 0) * 1.03 ||
      data.endMs
    const partAt = (index: number, ms: number) => {
      const times = data.completions[index]!
      const within = times.filter((time) => time <= ms).length
      return times.length === 0
        ? 0
        : within / times.length * classes[index]!.completed / classes[index]!.peers
    }
    let frame = { left: 0, top: 0, width: 1, height: 1 }
    const host = chart("completions", 300, 52, (root, area) => {
      frame = area
      const { height, left, top, width } = area
      const xAt = (ms: number) => left + ms / max * width
      const yAt = (part: number) => top + (1 - part) * height
      root.append(kit.axes(
        area,
        { ticks: kit.timeTicks(max, Math.max(2, width / 90)), max, title: "time since arrival" },
        {
          ticks: [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: percent(value) })),
          max: 1,
          title: "complete",
        },
      ))
      for (const [at, { completed, index, peers }] of shown.entries()) {
        const times = data.completions[index]!
        const part = (count: number) => count / times.length * completed / peers
        const path = times.map((time, i) => `H${xAt(time).toFixed(1)}V${yAt(part(i + 1)).toFixed(1)}`)
        root.append(svg("path", {
          class: "line",
          d: `M${left} ${yAt(0)}${path.join("")}H${left + width}`,
          style: `stroke:${colors[index]};stroke-dasharray:${["none", "7 3", "2 3", "9 3 2 3"][at % 4]}`,
        }))
        const median = classes[index]!.completionSeconds?.median
        if (median !== undefined && completed * 2 >= peers) {
          const x = xAt(median * 1_000)
          root.append(
            svg("circle", {
              cx: x,
              cy: yAt(partAt(index, median * 1_000)),
              r: 4,
              style: `fill:${colors[index]}`,
            }),
          )
        }
      }
    })
    host.addEventListener("pointermove", (event) => {
      const ms = (event.clientX - host.getBoundingClientRect().left - frame.left) / frame.width * max
      if (ms < 0 || ms > max) return kit.hideTip()
      kit.showTip(event, [
        `within ${duration(ms)}`,
        ...shown.map((one) => `${one.name}: ${percent(partAt(one.index, ms))}`),
      ])
    })
    byId("completions-legend").append(kit.legend(shown.map((one) => ({
      label: one.name,
      color: colors[one.index]!,
      detail: one.completionSeconds === undefined
        ? "none complete"
        : `median ${duration(one.completionSeconds.median * 1_000)}`,
    }))))
  }

  const scatter = () => {
    const { peers } = data
    const points = peers.index.flatMap((index, i) => {
      const time = peers.completionMs[i]!
      const down = peers.downloaded[i]!
      return time < 0 || down === 0
        ? []
        : [{ index, time, ratio: peers.uploaded[i]! / down, of: peers.classIndex[i]! }]
    })
    const maxTime = points.reduce((most, { time }) => Math.max(most, time), 0) * 1.03 || 1
    const sorted = points.map(({ ratio }) => ratio).sort((a, b) => a - b)
    const maxRatio = Math.max(1.2, (sorted.at(-1) ?? 0) * 1.05)
    let frame = { left: 0, top: 0, width: 1, height: 1 }
    const host = chart("ratios", 300, 44, (root, area) => {
      frame = area
      root.append(kit.axes(
        area,
        {
          ticks: kit.timeTicks(maxTime, Math.max(2, area.width / 90)),
          max: maxTime,
          title: "time to complete",
        },
        {
          ticks: kit.ticks(maxRatio, 5, (value) => String(Math.round(value * 100) / 100)),
          max: maxRatio,
          title: "given for taken",
        },
      ))
      const even = area.top + area.height - area.height / maxRatio
      root.append(
        svg("line", { class: "even", x1: area.left, x2: area.left + area.width, y1: even, y2: even }),
      )
      for (const { of, ratio, time } of points) {
        root.append(svg("circle", {
          class: "dot",
          cx: (area.left + time / maxTime * area.width).toFixed(1),
          cy: (area.top + area.height - ratio / maxRatio * area.height).toFixed(1),
          r: points.length > 400 ? 2.2 : 4,
          style: `fill:${colors[of]}`,
        }))
      }
    })
    host.addEventListener("pointermove", (event) => {
      const box = host.getBoundingClientRect()
      let nearest: typeof points[number] | undefined
      let least = 24 ** 2
      for (const point of points) {
        const x = box.left + frame.left + point.time / maxTime * frame.width - event.clientX
        const y = box.top + frame.top + (1 - point.ratio / maxRatio) * frame.height - event.clientY
        if (x * x + y * y < least) {
          least = x * x + y * y
          nearest = point
        }
      }
      if (nearest === undefined) return kit.hideTip()
      kit.showTip(event, [
        `peer ${nearest.index}, ${classes[nearest.of]!.name}`,
        `complete after ${duration(nearest.time)}`,
        `gave ${nearest.ratio.toFixed(2)} for each byte taken`,
      ])
    })
    const shown = classes.flatMap(({ name, wantsCopy }, index) =>
      wantsCopy ? [{ label: name, color: colors[index]! }] : []
    )
    byId("ratios-legend").append(kit.legend(shown))
    if (peers.index.length < peers.of) {
      byId("ratios-note").textContent = `${number(peers.index.length)} of ${
        number(peers.of)
      } peers are shown.`
    }
  }

  const lorenz = () => {
    const { jain, lorenz: points } = data.figures.fairness
    const quarters = [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: percent(value) }))
    chart("lorenz", 300, 52, (root, area) => {
      root.append(kit.axes(
        area,
        { ticks: quarters, max: 1, title: "leechers, least generous first" },
        { ticks: quarters, max: 1, title: "of all that leechers gave" },
      ))
      const { height, left, top, width } = area
      root.append(svg("line", { class: "even", x1: left, x2: left + width, y1: top + height, y2: top }))
      if (points.length < 2) return
      const path = points.map((part, i) =>
        `${(left + i / (points.length - 1) * width).toFixed(1)} ${(top + (1 - part) * height).toFixed(1)}`
      )
      root.append(svg("path", { class: "gap", d: `M${path.join("L")}Z` }))
      root.append(svg("path", { class: "line", d: `M${path.join("L")}`, style: "stroke:var(--accent)" }))
    })
    byId("lorenz-legend").append(el(
      "p",
      { class: "note" },
      jain === undefined
        ? "No leecher gave anything."
        : `The straight line is a swarm in which everybody gives the same. Jain’s index ${jain.toFixed(3)}.`,
    ))
  }

  completions()
  scatter()
  lorenz()
}
