/** The charts of how it went: rates and population over time. A click or a drag in one moves the moment of the page. */
import type { Lines, PageData } from "../PageData.ts"
import type { Frame, Kit } from "./Kit.ts"

/** Free of names from outside; see `Kit.ts`. */
export const overTime = (kit: Kit, data: PageData): void => {
  const { byId, classColor, duration, number, rate, svg } = kit
  const { classes } = data.figures
  const colors = classes.map((_, index) => classColor(index))

  const faults = (root: Element, { left, top, width }: Frame) =>
    (data.faults.columns[0] ?? []).forEach((count, slot) => {
      if (count === 0) return
      const at = left + (slot + 0.5) * data.faults.slotMs / (data.endMs || 1) * width
      root.append(svg("line", { class: "fault", x1: at, x2: at, y1: top - 6, y2: top - 1 }))
    })

  /** Areas on top of each other, over time. */
  const stacked = (
    id: string,
    height: number,
    lines: () => Lines,
    names: ReadonlyArray<string>,
    fills: ReadonlyArray<string>,
    title: string,
    ticksOf: (max: number, count: number) => Array<{ value: number; label: string }>,
    text: (value: number) => string,
    over: (root: Element, area: Frame) => void,
  ) => {
    let place = (_: number) => {}
    let frame = { left: 0, top: 0, width: 1, height: 1 }
    let redraw = () => {}
    const host = byId(id)
    const draw = (width: number) => {
      const { columns, slotMs } = lines()
      const slots = columns[0]?.length ?? 0
      const area = { left: 68, top: 24, width: width - 68 - 22, height: height - 24 - 40 }
      frame = area
      const tops = Array.from(
        { length: slots },
        (_, slot) => columns.reduce((sum, column) => sum + column[slot]!, 0),
      )
      const max = tops.reduce((most, value) => Math.max(most, value), 0) * 1.05 || 1
      const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" })
      const xAt = (slot: number) => area.left + Math.min(1, slot * slotMs / (data.endMs || 1)) * area.width
      const yAt = (value: number) => area.top + area.height - value / max * area.height
      const below = new Array<number>(slots).fill(0)
      root.append(kit.axes(
        area,
        {
          ticks: kit.timeTicks(data.endMs, Math.max(2, area.width / 90)),
          max: data.endMs,
          title: "virtual time",
        },
        { ticks: ticksOf(max, height / 60), max, title },
      ))
      columns.forEach((column, index) => {
        const outline: Array<string> = []
        const floor: Array<string> = []
        for (let slot = 0; slot < slots; slot++) {
          const low = yAt(below[slot]!)
          below[slot]! += column[slot]!
          const high = yAt(below[slot]!)
          outline.push(
            `${xAt(slot).toFixed(1)} ${high.toFixed(1)}`,
            `${xAt(slot + 1).toFixed(1)} ${high.toFixed(1)}`,
          )
          floor.push(
            `${xAt(slot).toFixed(1)} ${low.toFixed(1)}`,
            `${xAt(slot + 1).toFixed(1)} ${low.toFixed(1)}`,
          )
        }
        if (slots > 0) {
          root.append(
            svg("path", {
              class: "area",
              d: `M${outline.join("L")}L${floor.reverse().join("L")}Z`,
              style: `fill:${fills[index]}`,
            }),
          )
        }
      })
      over(root, area)
      place = kit.timeCursor(root, area)
      host.replaceChildren(root)
      redraw = () => draw(width)
    }
    kit.onLayout(host, draw)
    kit.onTime((ms) => place(ms))
    kit.scrub(host, () => frame)
    host.addEventListener("pointermove", (event) => {
      const ms = (event.clientX - host.getBoundingClientRect().left - frame.left) / frame.width * data.endMs
      if (ms < 0 || ms > data.endMs) return kit.hideTip()
      const values = names.map((_, index) => kit.valueAt(lines(), index, ms))
      const total = values.reduce((sum, value) => sum + value, 0)
      kit.showTip(event, [
        `${duration(ms)}: ${text(total)}`,
        ...(names.length > 1 ? names.map((name, index) => `${name}: ${text(values[index]!)}`) : []),
      ])
    })
    host.addEventListener("pointerleave", kit.hideTip)
    return () => redraw()
  }

  const rates = () => {
    let direction: "uploaded" | "downloaded" = "uploaded"
    const names = classes.map(({ name }) => name)
    const redraw = stacked(
      "rates",
      280,
      () => data[direction],
      names,
      colors,
      "payload a second",
      kit.byteTicks,
      rate,
      faults,
    )
    for (const input of document.querySelectorAll<HTMLInputElement>("input[name=direction]")) {
      input.addEventListener("change", () => {
        direction = input.value === "downloaded" ? "downloaded" : "uploaded"
        redraw()
      })
    }
    const total = data.faults.columns[0]?.reduce((sum, count) => sum + count, 0) ?? 0
    byId("rates-legend").append(kit.legend([
      ...classes.map(({ name }, index) => ({ label: name, color: colors[index]! })),
      ...(total > 0
        ? [{ label: `${kit.plural(total, "fault")} injected (ticks at the top)`, color: "var(--ink)" }]
        : []),
    ]))
  }

  const population = () => {
    const names = ["downloading", "complete"]
    const fills = ["var(--lacking)", "var(--whole)"]
    const count = (max: number, wanted: number) =>
      kit.ticks(max, wanted, (value) => number(value)).filter(({ value }) => value % 1 === 0)
    stacked(
      "population",
      200,
      () => data.population,
      names,
      fills,
      "peers",
      count,
      (value) => kit.plural(value, "peer"),
      () => {},
    )
    byId("population-legend").append(
      kit.legend(names.map((label, index) => ({ label, color: fills[index]! }))),
    )
  }

  rates()
  population()
}
